import type { Clock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/** The place of a client in a sorted list. */
export interface Place {
  readonly figure: number
  readonly id: string
}

/** Largest figure first, then by id. */
export function compare(figureA: number, a: string, figureB: number, b: string): number {
  if (figureA !== figureB) return figureB - figureA
  return a < b ? -1 : a > b ? 1 : 0
}

/** Ids of clients and the figure of each, unsorted. */
export interface Standings {
  readonly ids: readonly string[]
  readonly figures: ArrayLike<number>
}

/** Where a page begins. */
export interface Start extends Place {
  /** The name of the kept order that the page belongs to, if there is one. */
  readonly order: string | undefined
}

export interface Order extends Standings {
  readonly name: string
  /** The query without its page. */
  readonly question: string
  /** The furthest place from which a further page was asked for. */
  reached: Place | undefined
  usedAt: Millis
}

const KEPT_FOR: Millis = 60_000
const MOST_KEPT = 32
/** Places in all orders together; a place takes 16 bytes. */
const MOST_PLACES = 1_000_000

/**
 * Orders of clients in which further pages continue, as they were when the first page was asked for.
 * An order is kept until a minute has passed without a page further on than all before: whoever loads
 * the same page again and again is not to see an old order for ever. Names are random, so that no two
 * processes have orders of the same name.
 */
export class KeptOrders {
  /** Orders by name, the least recently used first. */
  readonly #orders = new Map<string, Order>()
  readonly #clock: Clock
  /** Places in all kept orders. */
  #places = 0
  #timer: NodeJS.Timeout | undefined
  #open = true

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#orders.size
  }

  /** Keeps an order. @returns its name; undefined if there is no room */
  keep(question: string, { ids, figures }: Standings): string | undefined {
    if (!this.#open) return undefined
    const name = Math.random().toString(36).slice(2, 12)
    this.#forget()
    while (this.#orders.size >= MOST_KEPT || this.#isFull(ids.length)) this.#evict()
    this.#places += ids.length
    this.#orders.set(name, {
      name,
      question,
      // a copy has no spare capacity
      ids: ids.slice(),
      figures: new Float64Array(figures),
      reached: undefined,
      usedAt: this.#clock.now(),
    })
    this.#timer ??= timers.setInterval(() => this.#forget(), KEPT_FOR).unref()
    return name
  }

  /** Finds the order of a page. @returns undefined if it is no longer kept, or is of another query */
  find(from: Start, question: string): Order | undefined {
    this.#forget()
    const order = from.order === undefined ? undefined : this.#orders.get(from.order)
    if (order?.question !== question) return undefined
    const { reached } = order
    if (!reached || compare(from.figure, from.id, reached.figure, reached.id) > 0) {
      order.reached = from
      order.usedAt = this.#clock.now()
      this.#orders.delete(order.name)
      this.#orders.set(order.name, order)
    }
    return order
  }

  close(): void {
    this.#open = false
    this.#orders.clear()
    this.#places = 0
    timers.clearInterval(this.#timer)
  }

  #forget(): void {
    const now = this.#clock.now()
    for (const order of this.#orders.values()) {
      if (now - order.usedAt < KEPT_FOR) break
      this.#drop(order)
    }
    if (this.#orders.size > 0) return
    timers.clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Evicts an order without a further page, if there is one, since some clients load first pages only. */
  #evict(): void {
    const all = [...this.#orders.values()]
    this.#drop(all.find(({ reached }) => !reached) ?? all[0]!)
  }

  #drop({ name, ids }: Order): void {
    this.#orders.delete(name)
    this.#places -= ids.length
  }

  /** Whether there are too many places; a single order may have any length. */
  #isFull(places: number): boolean {
    return this.#orders.size > 0 && this.#places + places > MOST_PLACES
  }
}
