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
      'lib/base/units',
      'lib/base/clock',
      'lib/base/errors',
      'lib/base/outcomes',
      'lib/base/histogram',
      'lib/base/promise-state',
      'lib/base/limits',
      'lib/message/frame',
      'lib/telemetry/client-identity',
      'lib/base/printable',
      'lib/telemetry/meters',
      'lib/telemetry/decaying-rate',
      'lib/telemetry/loss-share',
      'lib/telemetry/recent-closings',
      'lib/clients/leniency',
      'lib/admission/holds',
      'lib/clients/why',
      'lib/channel/surplus',
      'schemas/reserved-events',
      'lib/message/held-bytes',
      'lib/message/memory-costs',
      'lib/clients/relief',
      'lib/channel/namespace-sockets',
      'lib/telemetry/sampler',
      'lib/clients/budget',
      'lib/loop/ready-queue',
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
      'lib/classify/schema-parts',
      'lib/classify/schema-keys',
      'lib/base/tally',
      'lib/message/rule',
      'lib/message/envelope',
      'lib/telemetry/shed-episode',
      'lib/telemetry/undelivered',
      'lib/telemetry/closed-clients',
      'lib/telemetry/diagnostics',
    ],
  ],
  [
    'bursts, the event loop',
    [
      'lib/message/frame-batch',
      'lib/loop/turn-scheduler',
      'lib/loop/broadcast-round',
      'lib/loop/broadcasts',
      'lib/loop/loop-delay',
      'lib/loop/loop-lateness',
      'lib/admission/admission',
      'lib/loop/paced-queue',
    ],
  ],
  ['link interface', ['lib/link/link']],
  [
    'path',
    [
      'lib/window/doubt',
      'lib/window/noise',
      'lib/window/proof',
      'lib/window/start-up',
      'lib/window/path-estimate',
    ],
  ],
  ['lanes, window', ['lib/channel/owners', 'lib/channel/lane', 'lib/window/delivery-window']],
  ['congestion', ['lib/window/congestion']],
  [
    'vitals',
    [
      'lib/channel/kernel-progress',
      'lib/channel/vitals',
      'lib/channel/predicted-wait',
      'lib/channel/observed-backlog',
    ],
  ],
  [
    'classification',
    [
      'lib/classify/callback-arguments',
      'lib/classify/compile-schema',
      'lib/classify/nested-annotations',
      'lib/classify/message-map',
      'lib/classify/classifier',
      'lib/intercept/recovery-offset',
    ],
  ],
  ['reports', ['lib/telemetry/reporter', 'lib/telemetry/shed-notices']],
  ['channel', ['lib/channel/channel']],
  ['shutdown', ['lib/clients/shutdown']],
  ['links', ['lib/link/*']],
  [
    'clients',
    [
      'lib/clients/client-stats',
      'lib/clients/census',
      'lib/clients/kept-orders',
      'lib/clients/listing',
      'lib/clients/clients',
    ],
  ],
  [
    'adapters',
    ['lib/cluster/redis-client', 'lib/cluster/ordered-answers', 'lib/cluster/adapter-guard'],
  ],
  [
    'tap, gate',
    [
      'lib/intercept/*',
      'lib/intercept/broadcast-tap',
      'lib/intercept/tap',
      'lib/admission/handshakes',
    ],
  ],
  [
    'attach',
    [
      'lib/spillway-options',
      'lib/typed-server',
      'lib/attach-checks',
      'lib/attach',
      'lib/fastify-types',
    ],
  ],
  ['metrics', ['lib/metrics/*']],
  ['decorations', ['lib/fastify/decorations']],
  ['admin', ['lib/admin/*']],
  ['plugin', ['lib/fastify/app-closing', 'lib/plugin']],
  ['public surface', ['lib/index', 'lib/message-schemas']],
]

/** Who may import a file, where that is narrower than the layers; `type` for its types only. */
const GUARDED: Readonly<Record<string, Readonly<Record<string, 'value' | 'type'>>>> = {
  'lib/socketio/engine': {
    'lib/link/*': 'value',
    'lib/intercept/tap': 'value',
    'lib/clients/clients': 'type',
  },
  'lib/link/kernel-backlog': { 'lib/link/*': 'value' },
  'lib/link/engine-link': { 'lib/clients/clients': 'value' },
  'lib/link/direct/frame-writer': { 'lib/link/*': 'value' },
  'lib/link/transports/transport': { 'lib/link/*': 'value' },
  'lib/link/direct/kernel-write': { 'lib/link/*': 'value' },
  'lib/link/transports/polling': { 'lib/link/*': 'value' },
  'lib/link/transports/websocket': { 'lib/link/*': 'value' },
  'lib/intercept/tap': { 'lib/attach': 'value', 'lib/attach-checks': 'value' },
  'lib/plugin': { 'lib/index': 'value' },
}

/** The same for packages. */
const PACKAGES: Readonly<Record<string, Readonly<Record<string, 'value' | 'type'>>>> = {
  zod: { 'schemas/*': 'value', 'lib/*': 'value', 'lib/admin/*': 'value' },
  'socket.io': {
    'lib/plugin': 'value',
    'lib/attach': 'type',
    'lib/attach-checks': 'type',
    'lib/spillway-options': 'type',
    'lib/typed-server': 'type',
  },
  fastify: {
    'lib/fastify-types': 'type',
    'lib/fastify/app-closing': 'type',
    'lib/admin/*': 'type',
  },
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
