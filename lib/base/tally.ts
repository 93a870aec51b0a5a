import type { MessageOutcome } from './outcomes.ts'
import type { Bytes } from './units.ts'

/** Messages and bytes by outcome, in plain number fields: counting a message costs two additions. */
export class Tally {
  sent = 0
  sentBytes: Bytes = 0
  dropped = 0
  droppedBytes: Bytes = 0
  conflated = 0
  conflatedBytes: Bytes = 0
  expired = 0
  expiredBytes: Bytes = 0
  undelivered = 0
  undeliveredBytes: Bytes = 0
  /** Messages that mode `observe` has sent and mode `enforce` would have dropped. */
  observed = 0
  observedBytes: Bytes = 0
  /** Emits whose payload failed its schema; an emit to many clients counts once. */
  invalid = 0

  count(outcome: MessageOutcome, bytes: Bytes): void {
    switch (outcome) {
      case 'sent':
        this.sent++
        this.sentBytes += bytes
        return
      case 'dropped':
        this.dropped++
        this.droppedBytes += bytes
        return
      case 'conflated':
        this.conflated++
        this.conflatedBytes += bytes
        return
      case 'expired':
        this.expired++
        this.expiredBytes += bytes
        return
      case 'undelivered':
        this.undelivered++
        this.undeliveredBytes += bytes
        return
    }
  }

  countObserved(bytes: Bytes): void {
    this.observed++
    this.observedBytes += bytes
  }

  add(other: Tally): void {
    for (const name of TALLY_FIELDS) this[name] += other[name]
  }

  get shed(): number {
    return this.dropped + this.conflated + this.expired
  }
}

type TallyField = {
  [K in keyof Tally]: Tally[K] extends number ? (K extends 'shed' ? never : K) : never
}[keyof Tally]
const TALLY_FIELDS = Object.keys(new Tally()) as TallyField[]
