import fc from 'fast-check'
import type { Limits } from '../../lib/base/limits.ts'
import type { Priority } from '../../schemas/priority.ts'
import { TRANSPORTS, type TransportKind } from './connection.ts'

interface Kind {
  readonly event: string
  readonly namespace: string
  readonly priority: Priority
  /** In how many parts it is written. */
  readonly parts?: number
  readonly ack?: 'answer' | 'callback'
  readonly keys?: boolean
}

/** What the application emits, all that the scheduler tells apart. */
export const KINDS: readonly Kind[] = [
  { event: 'won', namespace: '/', priority: { class: 'critical' } },
  {
    event: 'frame',
    namespace: '/',
    priority: { class: 'cosmetic', conflateBy: 'key' },
    keys: true,
  },
  { event: 'chat', namespace: '/', priority: { class: 'cosmetic', rank: -1, drop: 'newest' } },
  { event: 'tip', namespace: '/', priority: { class: 'cosmetic', rank: 1, maxAge: 100 } },
  { event: 'seat', namespace: '/game', priority: { class: 'critical' }, parts: 2 },
  {
    event: 'score',
    namespace: '/game',
    priority: { class: 'cosmetic', conflateBy: 'key', rank: 1, drop: 'newest' },
    keys: true,
  },
  { event: 'image', namespace: '/game', priority: { class: 'cosmetic' }, parts: 3 },
  { event: 'ack', namespace: '/', priority: { class: 'critical' }, ack: 'answer' },
  { event: 'raw', namespace: '', priority: { class: 'critical' }, ack: 'callback' },
]

/** What Socket.IO leaves to the adapter as a whole: one part, and no answer. */
const BROADCAST = [...KINDS.keys()].filter((index) => !KINDS[index]!.ack && !KINDS[index]!.parts)

/** The watermarks are those of a server whose messages are a hundred times as long. */
const USUAL: Limits = {
  mode: 'enforce',
  low: 1000,
  high: 2000,
  limit: 4000,
  emergency: 9000,
  stallAfter: 4000,
  grace: 2000,
  horizon: 200,
  maxAge: 500,
}
export const POLICIES: readonly Limits[] = [
  USUAL,
  { ...USUAL, low: 200, high: 500, limit: 900, emergency: 2500, horizon: 0, maxAge: 100 },
  { ...USUAL, low: 3000, high: 9000, limit: 30_000, emergency: 90_000, maxAge: 5000 },
  { ...USUAL, mode: 'observe' },
]

/** So often it is told what is shed for a client that does not catch up, milliseconds. */
export const SHED_INTERVAL = 1500

const SIZES = [40, 150, 400, 900, 2600, 12_000] as const
const READS = [60, 500, 3000, Number.POSITIVE_INFINITY] as const
const KERNELS = [0, 600, 4000, Number.POSITIVE_INFINITY] as const
const ANSWERS = ['latest', 'each', 'none', 'again', 'wrong'] as const
/** To that recipient, or to all. */
const REACTIONS = ['nothing', 'critical', 'cosmetic', 'broadcast', 'close'] as const
const FAREWELLS = ['nothing', 'emit', 'broadcast'] as const
export type Farewell = (typeof FAREWELLS)[number]
const DELAYS = [0.4, 2, 12, 60, 300, 1500] as const

/** One thing that happens. Clients are counted modulo those that are connected. */
export type Operation =
  | {
      readonly op: 'connect'
      readonly by: TransportKind
      readonly kernel: number
      readonly farewell: Farewell
    }
  | {
      readonly op: 'emit'
      readonly kind: number
      readonly size: number
      readonly key: number
      /** Bits of the clients that are in the room. */
      readonly room: number
    }
  | {
      readonly op: 'broadcast'
      readonly kind: number
      readonly size: number
      readonly key: number
      readonly room: number
      /** What the application does as the first of its recipients is sent it in its slice. */
      readonly reaction: (typeof REACTIONS)[number]
    }
  | { readonly op: 'join' | 'leave'; readonly client: number; readonly namespace: string }
  | { readonly op: 'tick' | 'turn' }
  | { readonly op: 'spend' | 'pass'; readonly millis: number }
  | { readonly op: 'deliver'; readonly client: number; readonly bytes: number }
  | { readonly op: 'answer'; readonly client: number; readonly which: (typeof ANSWERS)[number] }
  | { readonly op: 'hear' | 'heartbeat'; readonly client: number }
  | { readonly op: 'resume'; readonly client: number }
  | { readonly op: 'upgrade'; readonly client: number; readonly by: 'frames' | 'websocket' }
  | { readonly op: 'close' | 'discard' | 'terminate' | 'gone'; readonly client: number }
  | { readonly op: 'policy'; readonly policy: number }

export type Emit = Extract<Operation, { op: 'emit' | 'broadcast' }>

const ENDINGS = ['all catch up', 'all stall', 'all go blind', 'exit', 'let go'] as const

/**
 * A run of them, and what follows: everyone catches up, nobody does anything any more, nobody answers
 * a marker, the process exits, or the scheduler lets go of everyone at once.
 */
export interface Run {
  readonly budget: number
  /** Of one system call, in milliseconds. */
  readonly cost: number
  readonly ending: (typeof ENDINGS)[number]
  readonly operations: readonly Operation[]
}

const client = fc.nat({ max: 5 })
const namespace = fc.constantFrom('/', '/game')
const only = <T extends string>(op: T) => fc.constant(op)
const what = <T extends string>(...ops: T[]) => fc.constantFrom(...ops)
/** Small ones far more often. */
const size = fc.constantFrom(
  ...SIZES.flatMap((each, index) => Array<number>([20, 20, 14, 8, 3, 1][index]!).fill(each)),
)

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 44,
    arbitrary: fc.record({
      op: only('emit'),
      kind: fc.nat({ max: KINDS.length - 1 }),
      size,
      key: fc.nat({ max: 2 }),
      room: fc.integer({ min: 1, max: 63 }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      op: only('broadcast'),
      kind: fc.oneof(fc.constant(0), fc.constantFrom(...BROADCAST)),
      size,
      key: fc.nat({ max: 2 }),
      room: fc.oneof(fc.constant(63), fc.integer({ min: 1, max: 63 })),
      reaction: fc.oneof(
        { weight: 9, arbitrary: fc.constant(REACTIONS[0]) },
        { weight: 1, arbitrary: fc.constantFrom(...REACTIONS) },
      ),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({ op: only('deliver'), client, bytes: fc.constantFrom(...READS) }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ op: only('answer'), client, which: fc.constantFrom(...ANSWERS) }),
  },
  { weight: 6, arbitrary: fc.record({ op: only('resume'), client }) },
  { weight: 12, arbitrary: fc.record({ op: what('tick', 'turn') }) },
  {
    weight: 10,
    arbitrary: fc.record({
      op: what('pass', 'pass', 'spend'),
      millis: fc.constantFrom(...DELAYS),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      op: only('connect'),
      by: fc.constantFrom(...TRANSPORTS),
      kernel: fc.constantFrom(...KERNELS),
      farewell: fc.constantFrom(...FAREWELLS),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: what('join', 'leave'), client, namespace }) },
  { weight: 5, arbitrary: fc.record({ op: what('hear', 'heartbeat', 'heartbeat'), client }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: only('upgrade'), client, by: what('frames', 'websocket') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: what('close', 'close', 'discard', 'terminate', 'gone'), client }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: only('policy'), policy: fc.nat({ max: POLICIES.length - 1 }) }),
  },
)

/** @param most operations of one run */
export function runs(most: number): fc.Arbitrary<Run> {
  return fc.record({
    budget: fc.constantFrom(3, 0),
    cost: fc.constantFrom(0, 0.3, 2),
    ending: fc.constantFrom(...ENDINGS),
    operations: fc.array(operation, { minLength: most >> 1, maxLength: most, size: 'max' }),
  })
}

/** The same run with less in it, for as long as it still fails: one operation after the other. */
export function shrink(run: Run, fails: (run: Run) => boolean): Run {
  let least = run
  const attempt = (smaller: Run): boolean => {
    if (!fails(smaller)) return false
    least = smaller
    return true
  }
  for (let before = ''; before !== textOf(least); ) {
    before = textOf(least)
    for (let count = least.operations.length >> 1; count > 0; count >>= 1) {
      for (let from = least.operations.length - count; from >= 0; from -= count) {
        attempt({ ...least, operations: least.operations.toSpliced(from, count) })
      }
    }
    for (let index = 0; index < least.operations.length; index++) {
      for (const simpler of simplerThan(least.operations[index]!)) {
        attempt({ ...least, operations: least.operations.with(index, simpler) })
      }
    }
    attempt({ ...least, cost: 0 })
    attempt({ ...least, budget: 3 })
  }
  return least
}

/** In every field the values that come before its own, the first of them first. */
const LADDERS: Readonly<Record<string, readonly unknown[]>> = {
  kind: KINDS.map((_, index) => index),
  size: SIZES,
  key: [0, 1],
  room: [1, 2, 4, 3],
  reaction: REACTIONS,
  by: ['websocket', 'frames', 'polling'],
  kernel: [...KERNELS].reverse(),
  farewell: FAREWELLS,
  bytes: [...READS].reverse(),
  client: [0, 1, 2, 3],
  which: ['latest', 'each', 'none'],
  namespace: ['/'],
  millis: DELAYS,
  policy: [0, 1, 2],
}

function* simplerThan(operation: Operation): Generator<Operation> {
  for (const [field, value] of Object.entries(operation)) {
    for (const simpler of LADDERS[field] ?? []) {
      if (simpler === value) break
      yield { ...operation, [field]: simpler }
    }
  }
}

export function textOf({ budget, cost, ending, operations }: Run): string {
  const lines = operations.map(textOfOperation)
  const setting = `tick budget ${budget} ms, a system call takes ${cost} ms`
  return [setting, ...lines, `then ${ending}`].join('\n')
}

function textOfOperation(operation: Operation): string {
  switch (operation.op) {
    case 'connect':
      return `connect by ${operation.by}, whose kernel buffers ${operation.kernel} bytes, farewell: ${operation.farewell}`
    case 'emit':
    case 'broadcast': {
      const { event, namespace, priority, keys } = KINDS[operation.kind]!
      const key = keys ? ` of key ${operation.key}` : ''
      const room = [0, 1, 2, 3, 4, 5].filter((each) => operation.room & (1 << each))
      const reaction = 'reaction' in operation ? `, then ${operation.reaction}` : ''
      return `${operation.op} ${priority.class} ${event}${key} in ${namespace || 'no namespace'}, ${operation.size} bytes, to clients ${room}${reaction}`
    }
    case 'policy': {
      const { mode, low, high, limit, emergency, maxAge } = POLICIES[operation.policy]!
      return `policy ${mode}, ${low} < ${high} < ${limit} < ${emergency} bytes, maxAge ${maxAge} ms`
    }
    case 'spend':
      return `the loop is busy for ${operation.millis} ms`
    case 'pass':
      return `${operation.millis} ms pass`
    default: {
      const { op, ...fields } = operation
      const rest = Object.entries(fields).map(([field, value]) => `${field} ${value}`)
      return [op, ...rest].join(' ')
    }
  }
}
