import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One import of a file of this repository; files are paths from its root without their suffix. */
export interface Import {
  readonly from: string
  /** A file, a package, or a module of Node's with `node:`. */
  readonly to: string
  readonly kind: 'value' | 'type' | 'lazy'
}

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** All TypeScript in and below folders of this repository. */
export function filesIn(...folders: string[]): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
        join(folder, path).replaceAll('\\', '/'),
      ),
    )
    .filter((path) => path.endsWith('.ts') && !/(^|\/)(node_modules|\.build)\//.test(path))
    .map((path) => path.slice(0, -'.ts'.length))
    .sort()
}

export function importsOf(from: string): Import[] {
  const source = readFileSync(join(root, `${from}.ts`), 'utf8')
  const found: Import[] = []
  const static_ =
    /^(?:import|export)\s+(type\s)?(?:[^'"\n;]|\n(?!(?:import|export)\b))*?from '([^']+)'/gm
  for (const [, type, to] of source.matchAll(static_)) {
    found.push({ from, to: resolve(from, to!), kind: type ? 'type' : 'value' })
  }
  for (const [, to] of source.matchAll(/^import '([^']+)'/gm)) {
    found.push({ from, to: resolve(from, to!), kind: 'value' })
  }
  for (const [, to] of source.matchAll(/\bimport\('([^']+)'\)/g)) {
    found.push({ from, to: resolve(from, to!), kind: 'lazy' })
  }
  return found
}

function resolve(from: string, to: string): string {
  return to.startsWith('.') ? join(from, '..', to).replaceAll('\\', '/').replace(/\.ts$/, '') : to
}
