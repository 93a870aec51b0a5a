import type { Bytes } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import { HeldBytes } from '../message/held-bytes.ts'
import type { Rule } from '../message/rule.ts'
import type { NamespaceSocket } from '../telemetry/client-identity.ts'
import { Lane } from './lane.ts'
import type { LeavingListener } from './namespace-sockets.ts'
import { Owners } from './owners.ts'

/** What waits for one client: a lane for each class, and the sockets that the messages are for. */
export class Lanes implements LeavingListener {
  readonly critical: Lane
  readonly cosmetic: Lane
  readonly #owners: Owners

  constructor(heldBytes: HeldBytes) {
    this.critical = new Lane(heldBytes, 'arrival')
    this.cosmetic = new Lane(heldBytes, 'rank')
    this.#owners = new Owners(heldBytes)
  }

  get empty(): boolean {
    return this.critical.empty && this.cosmetic.empty
  }

  get bytes(): Bytes {
    return this.critical.bytes + this.cosmetic.bytes
  }

  /** Memory of the messages, their places, and the sockets that only they keep. */
  get cost(): Bytes {
    return this.critical.cost + this.cosmetic.cost + this.#owners.cost
  }

  /** The message that leaves first: a critical one, if there is one. */
  peek(): Envelope | undefined {
    return this.critical.peek() ?? this.cosmetic.peek()
  }

  /** @param socket whose message it is, also when another socket joins its namespace */
  push(envelope: Envelope, socket: NamespaceSocket | undefined): void {
    const owner = socket && this.#owners.of(socket)
    if (envelope.rule.class === 'critical') this.critical.push(envelope, owner)
    else this.cosmetic.push(envelope.overtakable, owner)
  }

  /** Puts a cosmetic message in the place of the one with its key. */
  conflate(envelope: Envelope, socket: NamespaceSocket | undefined): void {
    this.cosmetic.conflate(envelope.overtakable, socket && this.#owners.of(socket))
  }

  /** Moves the cosmetic messages of a namespace behind the critical ones. */
  promote(namespace: string): void {
    if (this.cosmetic.empty) return
    this.cosmetic.moveIf((each) => each.namespace === namespace, this.critical)
  }

  /**
   * While a client is congested a cosmetic message is admitted only in place of others, so that its
   * backlog can shrink but not grow: lower ranks first, then the oldest of its own rank if its policy
   * is to drop the oldest.
   *
   * @param keep which is not removed
   * @returns the removed messages, of at least `bytes` bytes; `undefined`, and nothing removed, if
   *   there are not so many
   */
  makeRoom({ rank, drop }: Rule, bytes: Bytes, keep: Envelope | undefined): Envelope[] | undefined {
    const upTo = drop === 'oldest' ? rank : rank - 1
    const kept = keep !== undefined && keep.rule.rank <= upTo ? keep.bytes : 0
    if (this.cosmetic.evictable(upTo) - kept < bytes) return undefined
    const evicted: Envelope[] = []
    for (let freed = 0; freed < bytes; ) {
      const each = this.cosmetic.evict(upTo, keep)
      if (!each) break
      freed += each.bytes
      evicted.push(each)
    }
    return evicted
  }

  /** Removes everything, in the order in which it would have left. */
  clear(each: (envelope: Envelope, socket: NamespaceSocket | undefined) => void): void {
    for (const lane of [this.critical, this.cosmetic]) {
      while (!lane.empty) {
        const { owner } = lane
        each(lane.shift()!, owner?.socket)
      }
    }
  }

  left(socket: NamespaceSocket): void {
    this.#owners.left(socket)
  }
}

/** In place of lanes of its own, which a client that keeps up never needs; nothing is pushed here. */
export const NO_LANES = new Lanes(new HeldBytes())
