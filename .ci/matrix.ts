import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * What is said to be supported, run: each version of Node with the lowest and the newest versions
 * that package.json allows of what it is used with. A line a cell; the last line is
 * `N passed, N failed`.
 *
 *   tsx .ci/matrix.ts TARBALL CONSUMER SCRATCH
 *
 * CONSUMER is a directory with `consumer.cjs` and `consumer.mts`.
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const [tarball, consumer, scratch] = process.argv.slice(2).map((path) => resolve(path)) as [
  string,
  string,
  string,
]

/** The specs of what touches the inside of Node, Engine.IO and Socket.IO. */
const CORE = [
  'intercept/tap',
  'link/outstanding',
  'link/wire',
  'link/direct/kernel-write',
  'loop/turn-scheduler',
  'link/pacing',
  'link/sessions-elsewhere',
  'plugin',
]
const AT_ONCE = Math.min(2, availableParallelism())
const LONGEST_MS = 120_000

interface Manifest {
  readonly engines: { readonly node: string }
  readonly peerDependencies: Readonly<Record<string, string>>
}
const manifest: Manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
const { node: oldest } = manifest.engines
const peers = manifest.peerDependencies

const NODES = [`${oldest.replace('>=', '')}.0`, '22', '24', 'latest']
const VERSIONS = ['lowest', 'newest'] as const
/** What an application of the plugin has; the client is as old as the server. */
const USED = ['fastify', 'socket.io', 'socket.io-client', 'zod']
type Versions = (typeof VERSIONS)[number]
const SERVERS = ['own', 'fastify-socket.io'] as const

interface Job {
  readonly name: string
  /** @returns what there is to say of it */
  run(): Promise<string>
}

const running = new Set<ChildProcess>()
process.on('exit', () => running.forEach(end))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const failures = new Map<string, unknown>()
const preparations: Job[] = [
  ...NODES.map((version) => ({ name: `node ${version}`, run: () => installNode(version) })),
  { name: 'checkout lowest', run: copyCheckout },
  ...VERSIONS.map((versions) => ({
    name: `consumer ${versions}`,
    run: () => makeConsumers(versions),
  })),
]
const cells: Job[] = [{ name: 'types, lowest', run: checkTypes }]
for (const version of NODES) {
  for (const versions of VERSIONS) {
    const name = `node ${version}, ${versions}`
    if (hasSpecs(version, versions)) {
      cells.push({ name: `${name}: specs`, run: () => runSpecs(version, versions) })
    }
    for (const server of SERVERS) {
      cells.push({
        name: `${name}: application, server ${server}`,
        run: () => runApplication(version, versions, server),
      })
    }
  }
}

await inParallel(preparations)
const unprepared = failures.size
await inParallel(cells)
const failed = failures.size - unprepared
console.log(`${cells.length - failed} passed, ${failed} failed`)
process.exitCode = failures.size > 0 ? 1 : 0

/** Runs jobs, some at once, and tells of each. */
async function inParallel(all: readonly Job[]): Promise<void> {
  const waiting = [...all]
  const lane = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const since = performance.now()
      const said = await job.run().then(
        (text) => ({ verdict: 'ok', text }),
        (error: Error) => {
          failures.set(job.name, error)
          return { verdict: 'FAILED', text: error.message }
        },
      )
      const seconds = ((performance.now() - since) / 1000).toFixed(1)
      console.log(`${said.verdict.padEnd(7)}${job.name} (${seconds} s): ${said.text}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}

async function installNode(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`
  const at = join(scratch, `node-${version}`)
  await install(at, {}, [`${name}@${version}`])
  const { stdout } = await run(nodeOf(version), ['--version'], at)
  return stdout.trim()
}

function nodeOf(version: string): string {
  return join(scratch, `node-${version}`, `node_modules/node-linux-${process.arch}/bin/node`)
}

/** This checkout, with the lowest versions. */
async function copyCheckout(): Promise<string> {
  const at = checkoutOf('lowest')
  for (const path of ['lib', 'schemas', 'spec', 'package.json', 'package-lock.json', '.npmrc']) {
    await cp(join(root, path), join(at, path), { recursive: true })
  }
  const modules = await realpath(join(root, 'node_modules'))
  await cp(modules, join(at, 'node_modules'), { recursive: true, verbatimSymlinks: true })
  await npm(['install', '--no-save', ...peersOf('lowest', USED)], at)
  return installed(at, USED)
}

function checkoutOf(versions: Versions): string {
  return versions === 'lowest' ? join(scratch, 'checkout') : root
}

/** Two applications of somebody else, without and with fastify-socket.io. */
async function makeConsumers(versions: Versions): Promise<string> {
  const own = consumerOf(versions, 'own')
  const wanted = peersOf(versions, USED)
  await install(own, {}, [tarball, '@types/node@20', ...wanted])
  for (const file of ['consumer.cjs', 'consumer.mts']) {
    await cp(join(consumer, file), join(own, file))
  }
  const given = consumerOf(versions, 'fastify-socket.io')
  const overrides = { 'fastify-socket.io': { fastify: '$fastify' } }
  const more = peersOf(versions, ['fastify-socket.io'])
  await install(given, { overrides }, [tarball, ...wanted, ...more])
  for (const at of [own, given]) {
    await cp(join(root, '.ci/matrix-app.mjs'), join(at, 'matrix-app.mjs'))
  }
  return installed(given, [...USED, 'fastify-socket.io'])
}

function consumerOf(versions: Versions, server: string): string {
  return join(scratch, `consumer-${versions}-${server}`)
}

/** What npm is asked for. */
function peersOf(versions: Versions, names: readonly string[]): string[] {
  return names.map((name) => {
    const range = peers[name] ?? peers[name.replace('-client', '')]
    if (!range) throw new Error(`${name} is no peer`)
    return `${name}@${versions === 'lowest' ? range.replace('^', '') : range}`
  })
}

async function installed(at: string, names: readonly string[]): Promise<string> {
  const versions = names.map(async (name) => {
    const path = join(at, 'node_modules', name, 'package.json')
    return `${name} ${JSON.parse(await readFile(path, 'utf8')).version}`
  })
  return (await Promise.all(versions)).join(', ')
}

async function checkTypes(): Promise<string> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  // the types of Engine.IO 6.5 do not fit those of the cookie package that npm gives it
  const options = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--target',
    'es2023',
    '--module',
    'nodenext',
  ]
  const args = [tsc, ...options, '--types', 'node', 'consumer.mts']
  await run(process.execPath, args, consumerOf('lowest', 'own'))
  return 'consumer.mts'
}

/** Node's versions in the middle have the specs with the newest versions only. */
function hasSpecs(version: string, versions: Versions): boolean {
  return versions === 'newest' || version === NODES[0] || version === NODES.at(-1)
}

async function runSpecs(version: string, versions: Versions): Promise<string> {
  const { stdout } = await run(
    nodeOf(version),
    [
      'node_modules/mocha/bin/mocha.js',
      '--no-config',
      '--node-option=import=tsx',
      '--require=./spec/support/rejections.ts',
      '--timeout=20000',
      '--retries=1',
      '--forbid-only',
      '--reporter=dot',
      ...CORE.map((name) => `spec/${name}.spec.ts`),
    ],
    checkoutOf(versions),
  )
  const passing = /^ +(\d+) passing/m.exec(stdout)?.[1]
  if (!(Number(passing) > 0)) throw new Error(`no test was run\n${stdout}`)
  return `${passing} tests`
}

async function runApplication(version: string, versions: Versions, server: string) {
  const at = consumerOf(versions, server)
  if (server === 'own') await run(nodeOf(version), ['consumer.cjs'], at)
  const { stdout } = await run(nodeOf(version), ['matrix-app.mjs', server], at)
  if (stdout !== '1 passed\n') throw new Error(`it did not come to its end\n${stdout}`)
  return 'delivered, shed, told and closed'
}

async function install(at: string, packageJson: object, wanted: readonly string[]): Promise<void> {
  await mkdir(at, { recursive: true })
  await writeFile(join(at, 'package.json'), JSON.stringify({ private: true, ...packageJson }))
  await npm(['install', ...wanted], at)
}

function npm(args: readonly string[], at: string) {
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  return run('npm', [...args, ...quiet], at)
}

/** @throws if it does not end well, with all that it said */
async function run(command: string, args: readonly string[], cwd: string) {
  const child = spawn(command, args, {
    cwd,
    // a group of its own, so that nothing of it is left
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out = { stdout: '', both: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text
    out.both += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out.both += text
  })
  running.add(child)
  const timer = setTimeout(() => end(child), LONGEST_MS)
  try {
    const [status, signal] = await once(child, 'close')
    if (status !== 0) {
      const line = [command, ...args].join(' ')
      throw new Error(`${line}\nended with ${signal ?? status}\n${out.both}`)
    }
    return out
  } finally {
    clearTimeout(timer)
    end(child)
    running.delete(child)
  }
}

/** Ends what is left of a child's group. */
function end({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // there is nothing left
  }
}
