import type { Link } from '../../../lib/link/link.ts'
import type { Envelope } from '../../../lib/message/envelope.ts'
import type { Simulation } from '../fakes/simulation.ts'
import { SimulatedPath } from '../fakes/stub-link.ts'
import type { PathShape } from './cells.ts'

interface Item {
  readonly bytes: number
  readonly envelope: Envelope | undefined
  readonly sequence: number | undefined
}

/** Bytes of a marker and of a full packet on the wire. */
const MARKER = 14
const PACKET = 1448
/** Of a loopback, bytes a millisecond, and in one packet. */
const LOOPBACK = 200_000
const LARGE_SEND = 64 * 1024
/** What a kernel sends before its first acknowledgement, and again after a rest (RFC 6928). */
const INITIAL_WINDOW = 10 * PACKET
const LEAST_RTO = 200

/**
 * A path with everything that a real one does to packets: a bottleneck of a changing rate, a token
 * bucket, in-order jitter, releases in bunches, losses that hold up what follows, TCP's slow start,
 * and a client that is busy.
 */
export class PathLink extends SimulatedPath implements Link {
  markers = 0
  rate: number
  onReady = (): void => {}
  onAnswered = (_sequence: number): void => {}
  onReceived = (_envelope: Envelope, _at: number): void => {}
  #shape: PathShape
  readonly #simulation: Simulation
  readonly #random: () => number
  readonly #phase: number
  #queue: Item[] = []
  #head = 0
  #queued = 0
  /** Of the first write, what has been sent. */
  #ofHead = 0
  /** The packet that is being sent, and what is left of it. */
  #packet = 0
  #remaining = 0
  #since = 0
  #turn = 0
  #running = false
  #tokens: number
  #tokensAt = 0
  #lastArrival = 0
  #lastAnswer = 0
  #lostAt: number
  /** TCP: may be unacknowledged, and is. */
  #window = INITIAL_WINDOW
  #unacknowledged = 0
  #sentAt = 0

  constructor(shape: PathShape, simulation: Simulation, random: () => number) {
    super()
    this.#shape = shape
    this.#simulation = simulation
    this.#random = random
    this.rate = rateOf(shape)
    this.#tokens = shape.bucket ?? 0
    this.#phase = random()
    this.#lostAt = shape.loss ? random() * shape.loss.every : Number.POSITIVE_INFINITY
  }

  get outstanding(): number {
    return Math.max(0, this.#queued - (this.#shape.buffer ?? 4 * 1024 * 1024))
  }

  write(envelope: Envelope): void {
    this.#push({ bytes: envelope.bytes, envelope, sequence: undefined })
  }

  mark(sequence: number): void {
    this.markers++
    this.#push({ bytes: MARKER, envelope: undefined, sequence })
  }

  setRate(rate: number): void {
    const { now } = this.#simulation
    if (this.#running) {
      this.#remaining = Math.max(0, this.#remaining - (now - this.#since) * this.rate)
      this.#since = now
    }
    this.rate = rate
    if (this.#running) this.#schedule()
  }

  /** What is not sent yet takes another path from now on. */
  move(shape: PathShape): void {
    this.#shape = shape
    this.setRate(rateOf(shape))
  }

  #push(item: Item): void {
    this.#queue.push(item)
    this.#queued += item.bytes
    if (!this.#running) this.#start()
  }

  /** Sends the next packet: of what one or several writes have left. */
  #start(): void {
    if (this.#head === this.#queue.length) return
    const { now } = this.#simulation
    if (this.#shape.slowStart && !this.#opens(now)) return
    const most = this.#shape.kbit === 0 ? LARGE_SEND : PACKET
    this.#packet = Math.min(most, this.#queued)
    const bucket = this.#shape.bucket ?? 0
    this.#tokens = Math.min(bucket, this.#tokens + (now - this.#tokensAt) * this.rate)
    const free = Math.min(this.#tokens, this.#packet)
    this.#tokens -= free
    this.#remaining = this.#packet - free
    this.#since = now
    this.#running = true
    this.#schedule()
  }

  /** Whether TCP's window lets the next packet go. */
  #opens(now: number): boolean {
    const rto = LEAST_RTO + (this.#shape.rtt ?? 0)
    if (this.#unacknowledged === 0 && now - this.#sentAt > rto) this.#window = INITIAL_WINDOW
    return this.#unacknowledged < this.#window
  }

  #schedule(): void {
    const turn = ++this.#turn
    this.#simulation.after(this.#remaining / this.rate, () => {
      if (turn === this.#turn) this.#finish()
    })
  }

  #finish(): void {
    const { now } = this.#simulation
    const blocked = this.outstanding > 0
    const bytes = this.#packet
    this.#running = false
    this.#queued -= bytes
    this.carried += bytes
    // tokens that are left are used from here on
    this.#tokensAt = now
    this.#lastArrival = Math.max(this.#lastArrival, this.#delayed(this.#recovered(now), 0))
    if (this.#shape.slowStart) this.#acknowledge(bytes, this.#lastArrival)
    this.#complete(bytes)
    this.#start()
    if (blocked && this.outstanding === 0) this.onReady()
  }

  /** A packet has arrived, and what ends in it. */
  #complete(bytes: number): void {
    this.#ofHead += bytes
    for (let item = this.#queue[this.#head]; item; item = this.#queue[this.#head]) {
      if (item.bytes > this.#ofHead) break
      this.#ofHead -= item.bytes
      this.#head++
      this.#receive(item, this.#lastArrival)
    }
    if (this.#head > 1000 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }

  #receive({ envelope, sequence }: Item, arrival: number): void {
    if (envelope) this.onReceived(envelope, arrival)
    if (sequence === undefined) return
    const { busyClient } = this.#shape
    const handled = busyClient ? whenFree(arrival, busyClient) : arrival
    this.#lastAnswer = Math.max(this.#lastAnswer, this.#delayed(handled, 1))
    this.#simulation.at(this.#lastAnswer, () => {
      this.heard += MARKER
      this.onAnswered(sequence)
    })
  }

  #acknowledge(bytes: number, arrival: number): void {
    this.#unacknowledged += bytes
    this.#sentAt = this.#simulation.now
    this.#simulation.at(arrival + (this.#shape.rtt ?? 0) / 2, () => {
      this.#unacknowledged -= bytes
      this.#window = Math.min(4 * 1024 * 1024, this.#window + bytes)
      if (!this.#running) this.#start()
    })
  }

  /** When a packet can arrive at the earliest: what was lost before it is sent again first. */
  #recovered(left: number): number {
    const { loss } = this.#shape
    if (!loss) return left
    while (left > this.#lostAt + loss.stall) this.#lostAt += loss.every * (0.5 + this.#random())
    return left > this.#lostAt ? this.#lostAt + loss.stall : left
  }

  #delayed(left: number, back: 0 | 1): number {
    const { rtt = 0.6, jitter = 0, bunch = 0 } = this.#shape
    const at = left + rtt / 2 + this.#random() * jitter
    if (!bunch) return at
    const phase = back ? this.#phase * bunch : 0
    return Math.ceil((at - phase) / bunch) * bunch + phase
  }
}

function rateOf({ kbit }: PathShape): number {
  return kbit === 0 ? LOOPBACK : kbit / 8
}

/** What is due while somebody is busy is done afterwards. */
export function whenFree(at: number, busy: { every: number; lasts: number }): number {
  const since = at % busy.every
  return since < busy.lasts ? at - since + busy.lasts : at
}
