import type { Bytes, Millis } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import { KEYED_PLACE, LANE_PLACE } from '../message/memory-costs.ts'
import type { Owner } from './owners.ts'

/** Which entry of a lane leaves first. */
export type LaneOrder = 'rank' | 'arrival'

/**
 * A client's queue of envelopes of one class, with a byte count, conflation by key and eviction by
 * rank. In the order of ranks the highest leaves first, and within a rank the oldest; in the order of
 * arrival ranks play no part. Every operation on one message is O(1) in the length of the queue
 * (ranks are few: the distinct ranks of the annotations).
 *
 * Linked lists and not rings, since eviction and conflation reach into the middle.
 */
export class Lane {
  /** Invariant: the number and the sum of `bytes` of the entries of all ranks. */
  messages = 0
  bytes: Bytes = 0
  /** Memory of the entries and their places, as if nobody shared them. */
  cost: Bytes = 0
  readonly #heldBytes: HeldBytes
  readonly #order: LaneOrder
  /** Ascending by rank, empty ones too; made when the first entry comes. */
  #ranks: Rank[] | undefined
  /** Invariant: the highest rank that has an entry. */
  #first: Rank | undefined
  /** Entries that can be conflated, by key; made when the first one comes. */
  #keys: Map<string, Entry> | undefined

  constructor(heldBytes: HeldBytes, order: LaneOrder = 'rank') {
    this.#heldBytes = heldBytes
    this.#order = order
  }

  get empty(): boolean {
    return this.#first === undefined
  }

  peek(): Envelope | undefined {
    return this.#first?.head?.envelope
  }

  /** When the oldest place in the lane was taken; conflation does not make a place younger. */
  get since(): Millis | undefined {
    let since: Millis | undefined
    for (const { head } of this.#ranks ?? []) {
      if (!head) continue
      const headSince = head.since ?? head.envelope.emittedAt
      if (since === undefined || headSince < since) since = headSince
    }
    return since
  }

  /** The socket that the first message waits for. */
  get owner(): Owner | undefined {
    return this.#first?.head?.owner
  }

  /** @param owner the socket that it waits for, if there is one */
  push(envelope: Envelope, owner?: Owner): void {
    this.#heldBytes.hold(envelope)
    owner?.add()
    const rank = this.#rankOf(this.#order === 'rank' ? envelope.rule.rank : 0)
    const entry: Entry = {
      envelope,
      owner,
      since: undefined,
      rank,
      previous: rank.tail,
      next: undefined,
    }
    if (rank.tail) rank.tail.next = entry
    else rank.head = entry
    rank.tail = entry
    if (!this.#first || rank.rank > this.#first.rank) this.#first = rank
    this.#grow(rank, envelope.bytes, 1)
    this.#charge(envelope, 1)
    if (envelope.key !== undefined) {
      this.#keys ??= new Map()
      this.#keys.set(envelope.key, entry)
    }
  }

  shift(): Envelope | undefined {
    const entry = this.#first?.head
    return entry && this.#remove(entry)
  }

  /**
   * Removes an expired entry at the head of a rank below the first, whose turn may never come.
   *
   * @param maxAge in milliseconds, for annotations without one
   */
  shiftOverdue(now: Millis, maxAge: Millis): Envelope | undefined {
    for (const rank of this.#ranks ?? []) {
      if (rank === this.#first) return undefined
      if (rank.head?.envelope.expired(now, maxAge)) return this.#remove(rank.head)
    }
    return undefined
  }

  /** The waiting message that this one would replace. */
  conflatable(envelope: Envelope): Envelope | undefined {
    return envelope.key === undefined ? undefined : this.#keys?.get(envelope.key)?.envelope
  }

  /**
   * Puts the envelope in the place of the one with the same key.
   *
   * @param owner as of `push`
   * @returns the replaced one, `undefined` (and nothing done) if there is none
   */
  conflate(envelope: Envelope, owner?: Owner): Envelope | undefined {
    const entry = envelope.key === undefined ? undefined : this.#keys?.get(envelope.key)
    if (!entry) return undefined
    const replaced = entry.envelope
    this.#heldBytes.hold(envelope)
    this.#heldBytes.release(replaced)
    owner?.add()
    entry.owner?.remove()
    entry.since ??= replaced.emittedAt
    entry.envelope = envelope
    entry.owner = owner
    this.cost += envelope.weight - replaced.weight
    this.#grow(entry.rank, envelope.bytes - replaced.bytes, 0)
    return replaced
  }

  /** Bytes of the entries of at most this rank. */
  evictable(rank: number): Bytes {
    let bytes = 0
    for (const each of this.#ranks ?? []) if (each.rank <= rank) bytes += each.bytes
    return bytes
  }

  /** Removes the oldest entry of the lowest rank, if that is at most `rank`; never `keep`. */
  evict(rank: number, keep?: Envelope): Envelope | undefined {
    for (const each of this.#ranks ?? []) {
      if (each.rank > rank) return undefined
      const entry = each.head?.envelope === keep ? each.head?.next : each.head
      if (entry) return this.#remove(entry)
    }
    return undefined
  }

  /** Removes the entries that the test holds for, in their order. O(length), so not for each message. */
  takeIf(test: (envelope: Envelope) => boolean): Envelope[] {
    const taken: Envelope[] = []
    for (let entry = this.#first?.head; entry; ) {
      const following = this.#following(entry)
      if (test(entry.envelope)) taken.push(this.#remove(entry))
      entry = following
    }
    return taken
  }

  /** Moves the entries that the test holds for to the end of another lane, in their order. O(length). */
  moveIf(test: (envelope: Envelope) => boolean, to: Lane): void {
    for (let entry = this.#first?.head; entry; ) {
      const following = this.#following(entry)
      const { owner } = entry
      if (test(entry.envelope)) to.push(this.#remove(entry), owner)
      entry = following
    }
  }

  /** The entries in the order in which they would leave, for snapshots. */
  *[Symbol.iterator](): Generator<Envelope> {
    for (let entry = this.#first?.head; entry; entry = this.#following(entry)) yield entry.envelope
  }

  #remove(entry: Entry): Envelope {
    const { envelope, owner, rank, previous, next } = entry
    this.#heldBytes.release(envelope)
    owner?.remove()
    if (previous) previous.next = next
    else rank.head = next
    if (next) next.previous = previous
    else rank.tail = previous
    if (rank === this.#first && !rank.head) this.#first = this.#below(rank)
    this.#grow(rank, -envelope.bytes, -1)
    this.#charge(envelope, -1)
    if (envelope.key !== undefined) this.#keys?.delete(envelope.key)
    return envelope
  }

  /** The entry that would leave after this one. */
  #following({ next, rank }: Entry): Entry | undefined {
    return next ?? this.#below(rank)?.head
  }

  /** The highest rank below this one that has an entry. */
  #below({ rank }: Rank): Rank | undefined {
    let highest: Rank | undefined
    for (const each of this.#ranks ?? []) {
      if (each.rank >= rank) break
      if (each.head) highest = each
    }
    return highest
  }

  #charge(envelope: Envelope, times: 1 | -1): void {
    const place = times * (envelope.key === undefined ? LANE_PLACE : KEYED_PLACE)
    this.#heldBytes.add(place)
    this.cost += place + times * envelope.weight
  }

  #grow(rank: Rank, bytes: Bytes, messages: number): void {
    this.messages += messages
    this.bytes += bytes
    rank.bytes += bytes
  }

  #rankOf(rank: number): Rank {
    this.#ranks ??= []
    let index = 0
    for (const each of this.#ranks) {
      if (each.rank === rank) return each
      if (each.rank > rank) break
      index++
    }
    const made: Rank = { rank, head: undefined, tail: undefined, bytes: 0 }
    this.#ranks.splice(index, 0, made)
    return made
  }
}

interface Entry {
  envelope: Envelope
  owner: Owner | undefined
  /** When the first of those was emitted that have waited in this place; set when it is replaced. */
  since: Millis | undefined
  readonly rank: Rank
  /** The entry before it in its rank. */
  previous: Entry | undefined
  next: Entry | undefined
}

/** The entries of one rank, in the order of their arrival. */
interface Rank {
  readonly rank: number
  head: Entry | undefined
  tail: Entry | undefined
  bytes: Bytes
}
