import type { Classifier, Verdict } from '../classify/classifier.ts'
import { eventOf, type Packet } from '../socketio/packet.ts'
import { type Marked, readMark, unmark, writeMark } from './mark.ts'

/** The origin of a packet that is about to be encoded, and its class there. */
export interface Origin {
  /** Undefined if its event has no annotation. */
  readonly verdict: Verdict | undefined
  /** Connection state recovery sends it again, to a client that has come back. */
  readonly isReplay: boolean
  /** It was emitted with the flag `volatile`, as far as is known. */
  readonly isVolatile: boolean
}

interface Judged {
  readonly verdict: Verdict
  /** One packet may be broadcast in several namespaces, each with an adapter and annotations. */
  readonly adapter: object
  readonly before: Judged | undefined
}

const kJudged = Symbol('spillway.judged')

/** A symbol, since adapters publish the enumerable properties of a packet that have names. */
interface JudgedPacket extends Packet, Marked {
  [kJudged]?: Judged | undefined
}

/**
 * Tells packets that are emitted here from those that come from another node or from a store.
 * Socket.IO calls the adapter's own `broadcast`, while adapters pass packets of other nodes to the
 * `broadcast` of their class. A packet for a single socket goes by no adapter, except with connection
 * state recovery, where only packets that are sent again go by none.
 *
 * A payload is validated where it is emitted, before the adapter publishes or stores it: later it may
 * have changed, and nobody would catch an error.
 */
export class Origins {
  readonly #classifier: Classifier
  readonly #recovers: () => boolean
  /** Arguments of events with invalid payloads, which a store may keep. */
  readonly #invalid = new WeakSet<object>()
  /** The adapter that encodes a packet next. */
  #encoding: object | undefined
  #isVolatile = false

  /** @param recovers whether connection state recovery is on */
  constructor(classifier: Classifier, recovers: () => boolean) {
    this.#classifier = classifier
    this.#recovers = recovers
  }

  /**
   * The application emits a packet through an adapter, which will be called next.
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
   * The origin of an event that is about to be encoded. To be called once an encoding.
   *
   * @param isTapped whether the adapter of its namespace is tapped
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
