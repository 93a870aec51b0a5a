import type { Classifier, Verdict } from '../classify/classifier.ts'
import { eventOf, type Packet } from '../socketio/packet.ts'
import { type Marked, readMark, unmark, writeMark } from './mark.ts'

/** Where a packet comes from that is about to be encoded, and what it was taken for there. */
export interface Origin {
  /** Undefined if its event has no annotation. */
  readonly verdict: Verdict | undefined
  /** It is sent again, to a client that has come back. */
  readonly isReplay: boolean
  /** As it was emitted, where that is known. */
  readonly isVolatile: boolean
}

interface Judged {
  readonly verdict: Verdict
  /** One packet may be broadcast in several namespaces, each with an adapter and annotations. */
  readonly adapter: object
  readonly before: Judged | undefined
}

const kJudged = Symbol('spillway.judged')

/** Adapters that publish a packet read its enumerable properties with names: not this one. */
interface JudgedPacket extends Packet, Marked {
  [kJudged]?: Judged | undefined
}

/**
 * Tells packets that are emitted here from those that come from another node or from a store.
 * Socket.IO calls the adapter's own `broadcast`; adapters pass on what others have emitted by that of
 * their class. What is sent to one socket only has no adapter, but with connection state recovery,
 * where only what is sent again has none.
 *
 * A payload is validated where it is emitted, before the adapter publishes or stores it: what lies
 * behind may change it, and has nobody who would catch an error.
 */
export class Origins {
  readonly #classifier: Classifier
  readonly #recovers: () => boolean
  /** Arguments of invalid payloads that a store may keep as they are. */
  readonly #invalid = new WeakSet<object>()
  /** The adapter that encodes a packet next, and whether that is volatile. */
  #encoding: object | undefined
  #isVolatile = false

  /** @param recovers whether connection state recovery is on */
  constructor(classifier: Classifier, recovers: () => boolean) {
    this.#classifier = classifier
    this.#recovers = recovers
  }

  /**
   * The application emits a packet through an adapter, which is to be called next.
   *
   * @throws SpillwayError with `validate: 'throw'`
   */
  emitted(packet: JudgedPacket, namespace: string, adapter: object, wantsAnswer: boolean): void {
    unmark(packet)
    const data = eventOf(packet)
    const verdict = data && this.#classifier.judge(namespace, data, wantsAnswer)
    if (!verdict) return
    packet[kJudged] = { verdict, adapter, before: packet[kJudged] }
    if (verdict.isInvalid && this.#recovers()) this.#invalid.add(data)
    if (!wantsAnswer) writeMark(packet, verdict)
  }

  /** An adapter encodes a packet next, in the same synchronous call. */
  encodes(adapter: object, isVolatile: boolean): void {
    this.#encoding = adapter
    this.#isVolatile = isVolatile
  }

  /**
   * Of an event that is about to be encoded; to be asked once.
   *
   * @param isTapped whether the adapter of its namespace tells what it does
   * @throws SpillwayError with `validate: 'throw'`, where the application emits
   */
  of(packet: JudgedPacket, data: readonly unknown[], isTapped: boolean): Origin {
    const adapter = this.#encoding
    this.#encoding = undefined
    if (adapter) {
      const verdict =
        judgedBy(adapter, packet)?.verdict ??
        this.#classifier.resolve(packet.nsp, data, readMark(packet))
      unmark(packet)
      return { verdict, isReplay: false, isVolatile: this.#isVolatile }
    }
    const isReplay = isTapped && this.#recovers()
    const verdict = isReplay
      ? this.#classifier.resolve(packet.nsp, data, { invalid: this.#invalid.has(data) })
      : this.#classifier.judge(packet.nsp, data, packet.id !== undefined)
    return { verdict, isReplay, isVolatile: false }
  }
}

function judgedBy(adapter: object, packet: JudgedPacket): Judged | undefined {
  for (let each = packet[kJudged]; each; each = each.before) {
    if (each.adapter === adapter) return each
  }
  return undefined
}
