import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** An application of somebody else, with the package in its `node_modules` as it is published. */
export interface Project {
  readonly folder: string
  write(name: string, text: string): Promise<string>
  /** Runs Node in the folder. */
  node(...args: readonly string[]): Promise<string>
  close(): Promise<void>
}

/** @param without names of packages, or of scopes, that it does not have */
export async function packedProject(without: readonly string[] = []): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), 'packed-'))
  const modules = join(folder, 'node_modules')
  await mkdir(modules)
  const missing = new Set([...without, 'fastify-spillway'])
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (name.startsWith('.') || missing.has(name)) continue
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
  await cp(await built(), join(modules, 'fastify-spillway'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  return {
    folder,
    async write(name, text) {
      await writeFile(join(folder, name), text)
      return join(folder, name)
    },
    async node(...args) {
      const { stdout } = await run(process.execPath, args, { cwd: folder, timeout: 60_000 })
      return stdout
    },
    close: () => rm(folder, { recursive: true }),
  }
}

let building: Promise<string> | undefined

/** Built once a file of specs, and removed after it. */
function built(): Promise<string> {
  building ??= build()
  return building
}

async function build(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'built-'))
  after(() => {
    building = undefined
    return rm(folder, { recursive: true })
  })
  const dist = join(folder, 'dist')
  const options = { cwd: root }
  await run(
    process.execPath,
    [typescript7(), '-p', 'tsconfig.build.json', '--outDir', dist],
    options,
  )
  const files = join(dist, 'lib/admin/ui-files.js')
  await run(process.execPath, ['--import', 'tsx', 'docs/embed-ui.ts', files], options)
  await cp(join(root, 'package.json'), join(folder, 'package.json'))
  return folder
}

/** TypeScript 5, which @arethetypeswrong/cli brings along. */
export function typescript5(): string {
  const cli = createRequire(import.meta.url).resolve('@arethetypeswrong/cli/package.json')
  const core = createRequire(cli).resolve('@arethetypeswrong/core/package.json')
  return createRequire(core).resolve('typescript/bin/tsc')
}

/** The TypeScript of this repository. */
export function typescript7(): string {
  return join(root, 'node_modules/typescript/bin/tsc')
}
