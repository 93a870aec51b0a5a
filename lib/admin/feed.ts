import { Readable } from 'node:stream'
import type { Spillway } from '../attach.ts'
import type { SpillwayEvents } from '../reporter.ts'
import type { Rule } from '../rule.ts'
import { type Bytes, KiB, type Millis } from '../units.ts'

const MOST_READERS = 32
/** Kept for one reader that is slower than what happens. */
const READER_BACKLOG: Bytes = 64 * KiB
const SHED_INTERVAL: Millis = 1000
/** Proxies close what is silent for a minute or less. */
const KEEP_ALIVE_INTERVAL: Millis = 15_000
/** For readers to take what they were told last, before a server that closes cuts them off. */
const LAST_WAIT: Millis = 500

/** What happens, as server-sent events, to readers that may be slow themselves. */
export class Feed {
  readonly #spillway: Spillway
  readonly #readers = new Set<Reader>()
  readonly #listeners: Array<() => void> = []
  readonly #timers: NodeJS.Timeout[] = []
  readonly #sheds = new Sheds()
  #open = true

  constructor(spillway: Spillway) {
    this.#spillway = spillway
  }

  /** Why there can't be one more reader, if so. */
  get refusal(): string | undefined {
    if (!this.#open) return 'the server is being shut down'
    if (this.#readers.size < MOST_READERS) return undefined
    return 'too many readers of events; close one of them'
  }

  /** @param response that the stream goes to */
  open(response: Destroyable): Readable {
    if (this.#readers.size === 0) this.#start()
    const reader = new Reader(response)
    this.#readers.add(reader)
    reader.stream.once('close', () => {
      this.#readers.delete(reader)
      if (this.#readers.size === 0) this.#stop()
    })
    return reader.stream
  }

  /**
   * Ends all streams, for which a server that closes would wait, when what has happened so far is
   * told; who does not take it in time is cut off.
   */
  close(): void {
    this.#open = false
    const readers = [...this.#readers]
    if (readers.length === 0) return
    // listeners are told of an event in a turn of its own
    setImmediate(() => {
      for (const reader of readers) reader.end()
    })
    setTimeout(() => {
      for (const { response } of readers) response.destroy()
    }, LAST_WAIT).unref()
  }

  #start(): void {
    this.#relay('congested', (client) => ({ client }))
    this.#relay('recovered', (client, summary) => ({ client, summary }))
    this.#relay('closed', (client) => client)
    this.#relay('policy', ({ to }) => to)
    // what was shed while nobody read is not told
    this.#sheds.since(this.#spillway.rules())
    this.#timers.push(
      setInterval(() => this.#tellShed(), SHED_INTERVAL).unref(),
      setInterval(() => this.#send(': keep-alive\n\n'), KEEP_ALIVE_INTERVAL).unref(),
    )
  }

  #stop(): void {
    for (const off of this.#listeners.splice(0)) off()
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
  }

  #relay<E extends keyof SpillwayEvents>(
    event: E,
    dataOf: (...args: SpillwayEvents[E]) => object,
  ): void {
    const { events } = this.#spillway
    const listener = (...args: SpillwayEvents[E]): void => this.#tell(event, dataOf(...args))
    events.on(event, listener as never)
    this.#listeners.push(() => events.off(event, listener as never))
  }

  #tellShed(): void {
    const events = this.#sheds.since(this.#spillway.rules())
    if (events.length > 0) this.#tell('shed', { seconds: SHED_INTERVAL / 1000, events })
  }

  #tell(event: string, data: object): void {
    this.#send(frameOf(event, data))
  }

  #send(frame: string): void {
    for (const reader of this.#readers) reader.send(frame)
  }
}

function frameOf(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

interface Destroyable {
  destroy(): unknown
}

/** One stream. What comes while its backlog is full is counted, and told when it is not. */
class Reader {
  readonly stream: Readable
  readonly response: Destroyable
  #omitted = 0

  constructor(response: Destroyable) {
    this.response = response
    this.stream = new Readable({
      highWaterMark: READER_BACKLOG,
      read: () => this.#caughtUp(),
    })
    // so that the answer begins at once
    this.stream.push(': events\n\n')
  }

  send(frame: string): void {
    if (this.stream.readableLength >= READER_BACKLOG) this.#omitted++
    else this.stream.push(frame)
  }

  end(): void {
    this.#caughtUp()
    this.stream.push(null)
  }

  #caughtUp(): void {
    if (this.#omitted === 0) return
    const frame = frameOf('omitted', { count: this.#omitted })
    this.#omitted = 0
    this.stream.push(frame)
  }
}

interface Shed {
  readonly namespace: string
  readonly event: string
  readonly dropped: number
  readonly conflated: number
  readonly expired: number
  readonly bytes: Bytes
}

/** What was shed since the last time, by event. */
class Sheds {
  readonly #before = new Map<
    Rule,
    { dropped: number; conflated: number; expired: number; bytes: Bytes }
  >()

  since(rules: Iterable<Rule>): Shed[] {
    const changed: Shed[] = []
    for (const rule of rules) {
      const { dropped, conflated, expired, ...tally } = rule.tally
      const bytes = tally.droppedBytes + tally.conflatedBytes + tally.expiredBytes
      const now = { dropped, conflated, expired, bytes }
      const before = this.#before.get(rule)
      this.#before.set(rule, now)
      if (!before || rule.tally.shed === before.dropped + before.conflated + before.expired)
        continue
      changed.push({
        namespace: rule.namespace,
        event: rule.event,
        dropped: dropped - before.dropped,
        conflated: conflated - before.conflated,
        expired: expired - before.expired,
        bytes: bytes - before.bytes,
      })
    }
    return changed
  }
}
