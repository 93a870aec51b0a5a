import type { Millis } from '../base/units.ts'
import type { EventReader } from './event-reader.ts'

const MOST_READERS = 32
/** Time without progress after which a reader counts as gone. */
const DEAD_AFTER: Millis = 60_000
/** Time without progress after which a reader counts as slow and may be displaced. */
const SLOW_AFTER: Millis = 2000
/** Displacements of readers that keep up: a burst of 8, then one per interval. */
const MOST_DISPLACED = 8
const DISPLACE_INTERVAL: Millis = 1000

/**
 * The places of the event stream. When all are taken, a newcomer displaces the slow reader that has
 * made no progress for longest, or else the oldest reader of the address that has the most readers. The
 * latter is rate-limited, so that readers who reconnect don't displace each other endlessly.
 */
export class EventPlaces {
  readonly #readers = new Set<EventReader>()
  #mayDisplace = MOST_DISPLACED
  #countedAt: Millis = 0

  get size(): number {
    return this.#readers.size
  }

  [Symbol.iterator](): Iterator<EventReader> {
    return this.#readers.values()
  }

  add(reader: EventReader): void {
    this.#readers.add(reader)
  }

  delete(reader: EventReader): void {
    this.#readers.delete(reader)
  }

  /** @returns the reader that a newcomer displaces; `undefined` if none may be displaced now */
  displaced(now: Millis): EventReader | undefined {
    let slowest: EventReader | undefined
    for (const reader of this.#readers) {
      reader.look(now)
      if (now - reader.progressAt < SLOW_AFTER) continue
      if (!slowest || reader.progressAt < slowest.progressAt) slowest = reader
    }
    return slowest ?? this.#oldestOfMost(now)
  }

  get full(): boolean {
    return this.#readers.size >= MOST_READERS
  }

  /** Readers that count as gone although their connections are open. */
  *dead(now: Millis): Generator<EventReader> {
    for (const reader of this.#readers) {
      reader.look(now)
      if (now - reader.progressAt >= DEAD_AFTER) yield reader
    }
  }

  #oldestOfMost(now: Millis): EventReader | undefined {
    const regained = (now - this.#countedAt) / DISPLACE_INTERVAL
    this.#mayDisplace = Math.min(MOST_DISPLACED, this.#mayDisplace + regained)
    this.#countedAt = now
    if (this.#mayDisplace < 1) return undefined
    this.#mayDisplace--
    const counts = new Map<string, number>()
    for (const { address } of this.#readers) counts.set(address, (counts.get(address) ?? 0) + 1)
    const most = Math.max(...counts.values())
    // a set iterates in order of insertion, so the first one is the oldest
    for (const reader of this.#readers) if (counts.get(reader.address) === most) return reader
    return undefined
  }
}
