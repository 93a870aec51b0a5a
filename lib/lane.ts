import type { Owner } from './channel/owners.ts'
import type { Envelope } from './envelope.ts'
import type { Ledger } from './ledger.ts'
import { KEYED_PLACE, LANE_PLACE } from './memory.ts'
import type { Bytes } from './units.ts'

/**
 * A client's queue of envelopes of one class: first in, first out, with a byte count, conflation
 * by key and eviction by rank. Every operation on one message is O(1) in the length of the queue
 * (ranks are few: the distinct ranks of the annotations).
 *
 * A linked list and not a ring, since eviction by rank removes from the middle.
 */
export class Lane {
  /** Invariant: the number and the sum of `bytes` of the entries between head and tail. */
  messages = 0
  bytes: Bytes = 0
  /** What they take in memory, as if nobody shared them, with their places here. */
  cost: Bytes = 0
  readonly #ledger: Ledger
  #head: Entry | undefined
  #tail: Entry | undefined
  /** Ascending by rank; made when the first entry comes. */
  #ranks: Rank[] | undefined
  /** Entries that can be conflated, by key; made when the first one comes. */
  #keys: Map<string, Entry> | undefined

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  get empty(): boolean {
    return this.#head === undefined
  }

  peek(): Envelope | undefined {
    return this.#head?.envelope
  }

  /** The socket that the first message waits for. */
  get owner(): Owner | undefined {
    return this.#head?.owner
  }

  /** @param owner the socket that it waits for, if there is one */
  push(envelope: Envelope, owner?: Owner): void {
    this.#ledger.hold(envelope)
    owner?.add()
    const rank = this.#rankOf(envelope.rule.rank)
    const entry: Entry = {
      envelope,
      owner,
      rank,
      previous: this.#tail,
      next: undefined,
      rankPrevious: rank.tail,
      rankNext: undefined,
    }
    if (this.#tail) this.#tail.next = entry
    else this.#head = entry
    this.#tail = entry
    if (rank.tail) rank.tail.rankNext = entry
    else rank.head = entry
    rank.tail = entry
    this.#grow(rank, envelope.bytes, 1)
    this.#charge(envelope, 1)
    if (envelope.key !== undefined) {
      this.#keys ??= new Map()
      this.#keys.set(envelope.key, entry)
    }
  }

  shift(): Envelope | undefined {
    if (!this.#head) return undefined
    return this.#remove(this.#head)
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
    this.#ledger.hold(envelope)
    this.#ledger.release(replaced)
    owner?.add()
    entry.owner?.remove()
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
      const entry = each.head?.envelope === keep ? each.head?.rankNext : each.head
      if (entry) return this.#remove(entry)
    }
    return undefined
  }

  /** Removes the entries that the test holds for, in their order. O(length), so not for each message. */
  takeIf(test: (envelope: Envelope) => boolean): Envelope[] {
    const taken: Envelope[] = []
    for (let entry = this.#head; entry; ) {
      const { next } = entry
      if (test(entry.envelope)) taken.push(this.#remove(entry))
      entry = next
    }
    return taken
  }

  /** Moves the entries that the test holds for to the end of another lane, in their order. O(length). */
  moveIf(test: (envelope: Envelope) => boolean, to: Lane): void {
    for (let entry = this.#head; entry; ) {
      const { next, owner } = entry
      if (test(entry.envelope)) to.push(this.#remove(entry), owner)
      entry = next
    }
  }

  /** The entries in their order, for snapshots. */
  *[Symbol.iterator](): Generator<Envelope> {
    for (let entry = this.#head; entry; entry = entry.next) yield entry.envelope
  }

  #remove(entry: Entry): Envelope {
    const { envelope, owner, rank, previous, next, rankPrevious, rankNext } = entry
    this.#ledger.release(envelope)
    owner?.remove()
    if (previous) previous.next = next
    else this.#head = next
    if (next) next.previous = previous
    else this.#tail = previous
    if (rankPrevious) rankPrevious.rankNext = rankNext
    else rank.head = rankNext
    if (rankNext) rankNext.rankPrevious = rankPrevious
    else rank.tail = rankPrevious
    this.#grow(rank, -envelope.bytes, -1)
    this.#charge(envelope, -1)
    if (envelope.key !== undefined) this.#keys?.delete(envelope.key)
    return envelope
  }

  #charge(envelope: Envelope, times: 1 | -1): void {
    const place = times * (envelope.key === undefined ? LANE_PLACE : KEYED_PLACE)
    this.#ledger.add(place)
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
  readonly rank: Rank
  previous: Entry | undefined
  next: Entry | undefined
  rankPrevious: Entry | undefined
  rankNext: Entry | undefined
}

/** The entries of one rank, in the order of the lane. */
interface Rank {
  readonly rank: number
  head: Entry | undefined
  tail: Entry | undefined
  bytes: Bytes
}
