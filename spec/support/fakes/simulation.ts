import type { Histogram } from '../../../lib/base/histogram.ts'
import type { Limits } from '../../../lib/base/limits.ts'
import { Channel, type ChannelHost } from '../../../lib/channel/channel.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Envelope } from '../../../lib/message/envelope.ts'
import { HeldBytes } from '../../../lib/message/held-bytes.ts'
import { Meters } from '../../../lib/telemetry/meters.ts'
import { DeliveryWindow } from '../../../lib/window/delivery-window.ts'
import { PathEstimate } from '../../../lib/window/path-estimate.ts'
import { SimulatedPath } from './stub-link.ts'

/** A clock that runs from event to event. */
export class Simulation {
  now = 0
  readonly #events: Array<{ at: number; order: number; run: () => void }> = []
  #order = 0

  at(at: number, run: () => void): void {
    const event = { at: Math.max(at, this.now), order: this.#order++, run }
    let index = this.#events.length
    while (index > 0 && this.#events[index - 1]!.at > event.at) index--
    this.#events.splice(index, 0, event)
  }

  after(delay: number, run: () => void): void {
    this.at(this.now + delay, run)
  }

  run(until: number): void {
    while (this.#events[0] && this.#events[0].at <= until) {
      const { at, run } = this.#events.shift()!
      this.now = at
      run()
    }
    this.now = until
  }
}

export interface Path {
  /** Bytes a millisecond. */
  rate: number
  /** One way, milliseconds; answers take the same way back. */
  delay: number
  /** Added to each arrival, up to so many milliseconds; arrivals keep their order. */
  jitter: number
  /** What the kernel takes of what is not sent yet, bytes. */
  buffer: number
}

interface Item {
  readonly bytes: number
  readonly writtenAt: number
  readonly envelope: Envelope | undefined
  readonly sequence: number | undefined
}

/** Bytes of a marker on the wire. */
const MARKER = 10

/** A path with one bottleneck, a kernel buffer before it and a client that answers behind it. */
export class SimulatedLink extends SimulatedPath implements Link {
  answers = true
  /** How long each message waited before its first byte was sent. */
  readonly queueDelays: Array<{ envelope: Envelope; delay: number; at: number }> = []
  onReady = (): void => {}
  onAnswered = (_sequence: number): void => {}
  readonly path: Path
  readonly #simulation: Simulation
  readonly #random: () => number
  readonly #queue: Item[] = []
  #queued = 0
  #remaining = 0
  #since = 0
  #turn = 0
  #lastArrival = 0
  #lastAnswer = 0

  constructor(simulation: Simulation, path: Path, random: () => number) {
    super()
    this.#simulation = simulation
    this.path = path
    this.#random = random
  }

  get outstanding(): number {
    return Math.max(0, this.#queued - this.path.buffer)
  }

  write(envelope: Envelope): void {
    this.#push({ bytes: envelope.bytes, envelope, sequence: undefined })
  }

  mark(sequence: number): void {
    this.#push({ bytes: MARKER, envelope: undefined, sequence })
  }

  setRate(rate: number): void {
    if (this.#queue.length > 0) this.#account()
    this.path.rate = rate
    if (this.#queue.length > 0) this.#schedule()
  }

  #push(item: Omit<Item, 'writtenAt'>): void {
    this.#queue.push({ ...item, writtenAt: this.#simulation.now })
    this.#queued += item.bytes
    if (this.#queue.length === 1) this.#start()
  }

  #start(): void {
    const [item] = this.#queue
    const { now } = this.#simulation
    if (item!.envelope) {
      this.queueDelays.push({
        envelope: item!.envelope,
        delay: now - item!.writtenAt,
        at: item!.writtenAt,
      })
    }
    this.#remaining = item!.bytes
    this.#since = now
    this.#schedule()
  }

  #account(): void {
    const { now } = this.#simulation
    this.#remaining = Math.max(0, this.#remaining - (now - this.#since) * this.path.rate)
    this.#since = now
  }

  #schedule(): void {
    const turn = ++this.#turn
    this.#simulation.after(this.#remaining / this.path.rate, () => {
      if (turn === this.#turn) this.#finish()
    })
  }

  #finish(): void {
    const blocked = this.outstanding > 0
    const item = this.#queue.shift()!
    this.#queued -= item.bytes
    this.carried += item.bytes
    if (item.sequence !== undefined && this.answers) this.#travel(item.sequence)
    if (this.#queue.length > 0) this.#start()
    if (blocked && this.outstanding === 0) this.onReady()
  }

  #travel(sequence: number): void {
    const arrival = this.#simulation.now + this.path.delay + this.#random() * this.path.jitter
    this.#lastArrival = Math.max(this.#lastArrival, arrival)
    const answer = this.#lastArrival + this.path.delay + this.#random() * this.path.jitter
    this.#lastAnswer = Math.max(this.#lastAnswer, answer)
    this.#simulation.at(this.#lastAnswer, () => {
      this.heard += MARKER
      this.onAnswered(sequence)
    })
  }
}

/** What a timer of one millisecond can be late; nothing else delays an answer here. */
const TIMER = 1.2

export const LIMITS: Limits = {
  mode: 'enforce',
  low: 64 * 1024,
  high: 128 * 1024,
  limit: 512 * 1024,
  emergency: 4096 * 1024,
  horizon: 500,
  stallAfter: 10_000,
  grace: 10_000,
  maxAge: 2000,
}

export interface Simulated {
  readonly simulation: Simulation
  readonly link: SimulatedLink
  readonly channel: Channel
  /** Of critical messages. */
  readonly latency: Histogram
  /** What the sweep found. */
  readonly verdicts: string[]
}

/** A channel over a simulated link, with timers of one millisecond and a sweep each second. */
export function simulate(path: Path, limits: Partial<Limits> = {}, seed = 1): Simulated {
  const simulation = new Simulation()
  const link = new SimulatedLink(simulation, path, randomOf(seed))
  const window = new DeliveryWindow(new PathEstimate(TIMER))
  return { simulation, link, ...channelOver(simulation, link, limits, { window }) }
}

/** A link that tells when it has room and when a marker was answered. */
type TellingLink = Link & { onReady: () => void; onAnswered: (sequence: number) => void }

interface Surroundings {
  readonly window?: DeliveryWindow
  /** The event loop does something else for so long, so often, milliseconds. */
  readonly busy?: { readonly every: number; readonly lasts: number } | undefined
}

/** A channel over any link, in the surroundings of a server's one. */
export function channelOver(
  simulation: Simulation,
  link: TellingLink,
  changed: Partial<Limits>,
  { window = new DeliveryWindow(), busy }: Surroundings = {},
): Pick<Simulated, 'channel' | 'latency' | 'verdicts'> {
  const meters = new Meters()
  const verdicts: string[] = []
  const limits = { ...LIMITS, ...changed }
  const lateBy = (at: number): number => (busy ? Math.max(0, busy.lasts - (at % busy.every)) : 0)
  let wakesAt = Number.POSITIVE_INFINITY
  const host: ChannelHost = {
    limits,
    watch() {},
    unwatch() {},
    wake(channel, at) {
      const due = simulation.now + Math.max(1, Math.ceil(at - simulation.now))
      if (due >= wakesAt) return
      wakesAt = due
      simulation.at(due + lateBy(due), () => {
        if (wakesAt !== due) return
        wakesAt = Number.POSITIVE_INFINITY
        channel.pump(simulation.now)
      })
    },
    catchUp() {},
    scheduler: {
      add: (member) => simulation.after(0, () => member.serve(simulation.now)),
      spent: () => false,
      tick: () => 0,
      turn: () => simulation.now,
    },
    now: () => simulation.now,
    overfull: false,
    relieve() {},
    limitsFor: () => host.limits,
    lookClosely() {},
    meters,
    heldBytes: new HeldBytes(),
    congested() {},
    recovered() {},
    loopDelay: { at: (now) => (busy && now % busy.every <= busy.lasts ? now % busy.every : 0) },
    disconnected() {},
  }
  const channel = new Channel('simulated', link, host, 0, window)
  link.onReady = () => channel.pump(simulation.now)
  link.onAnswered = (sequence) => {
    const late = lateBy(simulation.now)
    if (late === 0) channel.answered(sequence, simulation.now)
    else simulation.after(late, () => channel.answered(sequence, simulation.now))
  }
  const sweep = (): void => {
    const code = channel.inspect(simulation.now)
    if (code) {
      verdicts.push(code)
      channel.terminate(code)
    } else simulation.after(1000, sweep)
  }
  simulation.after(1000, sweep)
  return { channel, latency: meters.latency, verdicts }
}

/** Mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
