import { filesIn, importsOf } from './imports.ts'

/**
 * Prints the spec files that need no network, no process and no browser, and play nothing again and
 * again: `npm run check` runs them.
 */

/** Whoever loads one of these waits for the system. */
const SLOW = [
  ...['node:child_process', 'node:http', 'node:net', 'node:worker_threads'],
  ...['socket.io', 'socket.io-client', 'ws', 'redis', 'playwright-core', 'esbuild'],
  'spec/support/paths/play',
]

const isSlow = new Map<string, boolean>(SLOW.map((each) => [each, true]))

function needsMore(file: string): boolean {
  const known = isSlow.get(file)
  if (known !== undefined) return known
  // of a circle, the file that closes it adds nothing
  isSlow.set(file, false)
  const slow =
    /^(lib|schemas|spec|demo|docs)\//.test(file) &&
    importsOf(file).some(({ to, kind }) => kind !== 'type' && needsMore(to))
  isSlow.set(file, slow)
  return slow
}

const specs = filesIn('spec').filter((file) => file.endsWith('.spec') && !needsMore(file))
console.log(specs.map((file) => `${file}.ts`).join('\n'))
