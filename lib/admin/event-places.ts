import type { Millis } from '../base/units.ts'
import type { EventReader } from './event-reader.ts'

const MOST_READERS = 32
/** A reader that has taken nothing of what waits for it for so long is gone. */
const DEAD_AFTER: Millis = 60_000
/** A healthy reader takes what it is sent sooner. */
const SLOW_AFTER: Millis = 2000
/** Readers that keep up and may be made to give way: so many at once, and one more a second. */
const MOST_DISPLACED = 8
const DISPLACE_INTERVAL: Millis = 1000

/**
 * The places of the event stream. When all are taken, a newcomer gets that of the reader that has
 * taken nothing for longest; where all keep up, the oldest of the address that has most. The latter
 * is bounded, so that more readers than places don't displace each other without end.
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

  /** @returns who has to give way to a newcomer, if anyone; `undefined` also if nobody may be made to */
  displaced(now: Millis): EventReader | undefined {
    let slowest: EventReader | undefined
    for (const reader of this.#readers) {
      reader.look(now)
      if (now - reader.takenAt < SLOW_AFTER) continue
      if (!slowest || reader.takenAt < slowest.takenAt) slowest = reader
    }
    return slowest ?? this.#oldestOfMost(now)
  }

  get full(): boolean {
    return this.#readers.size >= MOST_READERS
  }

  /** Those that are gone, though their connections are open. */
  *dead(now: Millis): Generator<EventReader> {
    for (const reader of this.#readers) {
      reader.look(now)
      if (now - reader.takenAt >= DEAD_AFTER) yield reader
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
    // in the order in which they came
    for (const reader of this.#readers) if (counts.get(reader.address) === most) return reader
    return undefined
  }
}
