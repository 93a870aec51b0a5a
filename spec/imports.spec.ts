import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'

/** From the bottom up: a file imports from its own layer and from those before it. */
const LAYERS: ReadonlyArray<[name: string, files: readonly string[]]> = [
  [
    'leaves',
    [
      'lib/base/timers',
      'lib/base/fifo',
      'lib/units',
      'lib/clock',
      'lib/errors',
      'lib/outcomes',
      'lib/histogram',
      'lib/promise-state',
      'lib/limits',
      'lib/frame',
      'lib/peer',
      'lib/shown',
      'lib/meters',
      'lib/decaying-rate',
      'lib/losses',
      'lib/recent-closings',
      'lib/leniency',
      'lib/holds',
      'lib/why',
      'lib/surplus',
      'lib/reserved',
      'lib/ledger',
      'lib/memory',
      'lib/relief',
      'lib/channel/namespace-sockets',
      'lib/sampler',
      'lib/budget',
      'lib/ready-queue',
      'lib/socketio/override',
      'lib/socketio/send-path',
      'lib/socketio/local-disconnects',
      'lib/socketio/upgrade-path',
      'lib/telemetry/callbacks',
    ],
  ],
  ['schemas', ['schemas/*']],
  [
    'records',
    [
      'lib/schema-parts',
      'lib/names',
      'lib/stats',
      'lib/rule',
      'lib/envelope',
      'lib/episode',
      'lib/undelivered',
      'lib/history',
      'lib/diagnostics',
    ],
  ],
  [
    'bursts, the event loop',
    [
      'lib/burst',
      'lib/fanout',
      'lib/round',
      'lib/broadcasts',
      'lib/loop-delay',
      'lib/lateness',
      'lib/admission',
      'lib/pace',
    ],
  ],
  ['link interface', ['lib/link/link']],
  [
    'path',
    ['lib/window/doubt', 'lib/window/noise', 'lib/window/proof', 'lib/window/start-up', 'lib/path'],
  ],
  ['lanes, window', ['lib/channel/owners', 'lib/lane', 'lib/window']],
  ['congestion', ['lib/congestion']],
  ['vitals', ['lib/kernel-progress', 'lib/vitals', 'lib/wait', 'lib/shadow']],
  [
    'classification',
    [
      'lib/callbacks',
      'lib/compile',
      'lib/nesting',
      'lib/messages',
      'lib/classifier',
      'lib/recovery',
    ],
  ],
  ['reports', ['lib/reporter', 'lib/telemetry/shed-notices']],
  ['channel', ['lib/channel']],
  ['shutdown', ['lib/shutdown']],
  ['links', ['lib/link/*']],
  ['clients', ['lib/snapshot', 'lib/census', 'lib/orders', 'lib/listing', 'lib/clients']],
  ['adapters', ['lib/adapter-client', 'lib/answers', 'lib/adapters']],
  ['tap, gate', ['lib/intercept/*', 'lib/adapter-tap', 'lib/tap', 'lib/gate']],
  ['attach', ['lib/types', 'lib/typed-server', 'lib/attach-checks', 'lib/attach', 'lib/fastify']],
  ['metrics', ['lib/metrics/*']],
  ['decorations', ['lib/decorated']],
  ['admin', ['lib/admin/*']],
  ['plugin', ['lib/app-closing', 'lib/plugin']],
  ['public surface', ['lib/index', 'lib/message-schemas']],
]

/** Who may import a file, where that is narrower than the layers; `type` for its types only. */
const GUARDED: Readonly<Record<string, Readonly<Record<string, 'value' | 'type'>>>> = {
  'lib/link/engine': { 'lib/link/*': 'value', 'lib/tap': 'value', 'lib/clients': 'type' },
  'lib/link/backlog': { 'lib/link/*': 'value' },
  'lib/link/engine-link': { 'lib/clients': 'value' },
  'lib/link/frame-writer': { 'lib/link/*': 'value' },
  'lib/link/gauge': { 'lib/link/*': 'value' },
  'lib/link/kernel-write': { 'lib/link/*': 'value' },
  'lib/link/polling': { 'lib/link/*': 'value' },
  'lib/link/websocket': { 'lib/link/*': 'value' },
  'lib/tap': { 'lib/attach': 'value', 'lib/attach-checks': 'value' },
  'lib/plugin': { 'lib/index': 'value' },
}

/** The same for packages. */
const PACKAGES: Readonly<Record<string, Readonly<Record<string, 'value' | 'type'>>>> = {
  zod: { 'schemas/*': 'value', 'lib/*': 'value', 'lib/admin/*': 'value' },
  'socket.io': {
    'lib/plugin': 'value',
    'lib/attach': 'type',
    'lib/attach-checks': 'type',
    'lib/types': 'type',
    'lib/typed-server': 'type',
  },
  fastify: { 'lib/fastify': 'type', 'lib/app-closing': 'type', 'lib/admin/*': 'type' },
  'prom-client': {
    'lib/metrics/register': 'value',
    'lib/metrics/group': 'type',
    'lib/plugin': 'type',
  },
  'fastify-plugin': { 'lib/plugin': 'value' },
}

interface Import {
  readonly from: string
  /** A file without its suffix, a package, or a module of Node's with `node:`. */
  readonly to: string
  readonly kind: 'value' | 'type' | 'lazy'
}

const root = fileURLToPath(new URL('..', import.meta.url))
const files = ['lib', 'schemas']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
      join(folder, path).replaceAll('\\', '/'),
    ),
  )
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.slice(0, -'.ts'.length))
  .sort()
const imports = files.flatMap(importsOf)

function importsOf(from: string): Import[] {
  const source = readFileSync(join(root, `${from}.ts`), 'utf8')
  const found: Import[] = []
  const static_ =
    /^(?:import|export)\s+(type\s)?(?:[^'"\n;]|\n(?!(?:import|export)\b))*?from '([^']+)'/gm
  for (const [, type, to] of source.matchAll(static_)) {
    found.push({ from, to: resolve(from, to!), kind: type ? 'type' : 'value' })
  }
  for (const [, to] of source.matchAll(/\bimport\('([^']+)'\)/g)) {
    found.push({ from, to: resolve(from, to!), kind: 'lazy' })
  }
  return found
}

function resolve(from: string, to: string): string {
  return to.startsWith('.') ? join(from, '..', to).replaceAll('\\', '/').replace(/\.ts$/, '') : to
}

function matches(file: string, pattern: string): boolean {
  return pattern.endsWith('/*')
    ? file.slice(0, file.lastIndexOf('/')) === pattern.slice(0, -2)
    : file === pattern
}

/** The entry of exactly this name goes before that of a whole folder. */
function layerOf(file: string): number {
  const exact = LAYERS.findIndex(([, each]) => each.includes(file))
  return exact >= 0 ? exact : LAYERS.findIndex(([, each]) => each.some((p) => matches(file, p)))
}

function allowedIn(
  { from, kind }: Import,
  importers: Readonly<Record<string, 'value' | 'type'>>,
): boolean {
  return Object.entries(importers).some(
    ([pattern, allowed]) => matches(from, pattern) && (allowed === 'value' || kind === 'type'),
  )
}

const said = ({ from, to, kind }: Import) => `${from} > ${to} (${kind})`

/** Everything that is loaded with a file. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const each of imports) {
    if (each.from === file && each.kind === 'value') loadedWith(each.to, seen)
  }
  return seen
}

describe('Imports', () => {
  it('are all found: as many as there are lines that end in a module', () => {
    const lines = files.flatMap((file) =>
      readFileSync(join(root, `${file}.ts`), 'utf8')
        .split('\n')
        .filter((line) => /(^(import|export)\b.*|^\}) from '[^']+'$|\bimport\('/.test(line)),
    )
    expect(imports).to.have.length(lines.length)
    expect(imports.length).to.be.greaterThan(80)
  })

  it('are of files that have a layer', () => {
    expect(files.filter((file) => layerOf(file) < 0)).to.deep.equal([])
    const named = LAYERS.flatMap(([, each]) => each)
    const unused = named.filter((pattern) => !files.some((file) => matches(file, pattern)))
    expect(unused).to.deep.equal([])
  })

  it('run one way', () => {
    const wrong = imports.filter(
      ({ from, to }) => files.includes(to) && layerOf(to) > layerOf(from),
    )
    expect(wrong.map(said)).to.deep.equal([])
  })

  it('make no circle of what is loaded', () => {
    const circles = imports.filter(
      ({ from, to, kind }) => kind === 'value' && loadedWith(to).has(from),
    )
    expect(circles.map(said)).to.deep.equal([])
  })

  for (const [file, importers] of Object.entries(GUARDED)) {
    it(`of ${file} are in ${Object.keys(importers).join(', ')} only`, () => {
      const all = imports.filter(({ to }) => to === file)
      expect(all).to.not.deep.equal([])
      expect(all.filter((each) => !allowedIn(each, importers)).map(said)).to.deep.equal([])
    })
  }

  it('of packages are where they belong', () => {
    const wrong = imports.filter((each) => {
      if (files.includes(each.to) || each.to.startsWith('node:')) return false
      return !allowedIn(each, PACKAGES[each.to] ?? {})
    })
    expect(wrong.map(said)).to.deep.equal([])
  })

  it('are of packages that the package declares', () => {
    const { dependencies, peerDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    )
    const packages = imports
      .map(({ to }) => to)
      .filter((to) => !/^(node:|lib\/|schemas\/)/.test(to))
    const declared = Object.keys({ ...dependencies, ...peerDependencies })
    expect(declared).to.include.members([...new Set(packages)])
  })

  it('of timers and clocks are those of lib/base/timers: an application may fake the global ones', () => {
    const global =
      /(?<![\w#']|(?<!globalThis)\.)(?:(?:set|clear)(?:Timeout|Interval|Immediate)|queueMicrotask|performance|Date)\b(?!')|\bprocess\.(?:nextTick|hrtime|uptime)|'node:(?:timers|perf_hooks)/
    const server = files.filter((file) => file !== 'lib/base/timers' && !file.includes('/ui/'))
    const used = server.flatMap((file) =>
      readFileSync(join(root, `${file}.ts`), 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(?:\/?\*|\/\/)/.test(line) && global.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    )
    expect(used).to.deep.equal([])
  })

  it('of attach load no Fastify, which is an optional peer', () => {
    const loaded = [...loadedWith('lib/attach')].filter((each) => !files.includes(each))
    expect(loaded.filter((each) => !each.startsWith('node:'))).to.deep.equal(['zod'])
    const all = [...loadedWith('lib/index')].filter((each) => !files.includes(each))
    expect(all.filter((each) => /^fastify$/.test(each))).to.deep.equal([])
  })

  it('of what a page shares are zod alone', () => {
    const loaded = [...loadedWith('lib/message-schemas')].filter((each) => !files.includes(each))
    expect(loaded).to.deep.equal(['zod'])
  })
})
