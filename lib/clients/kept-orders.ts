import type { Clock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/** The place of a client in an order. */
export interface Place {
  readonly figure: number
  readonly id: string
}

/** Largest figure first, then by id. */
export function compare(figureA: number, a: string, figureB: number, b: string): number {
  if (figureA !== figureB) return figureB - figureA
  return a < b ? -1 : a > b ? 1 : 0
}

/** Clients by id, and the figure of each, unsorted. */
export interface Standings {
  readonly ids: readonly string[]
  readonly figures: ArrayLike<number>
}

/** Where a page begins. */
export interface Start extends Place {
  /** The name of the order that it is of, if that was kept. */
  readonly order: string | undefined
}

export interface Order extends Standings {
  readonly name: string
  /** What was asked for, but for the page. */
  readonly question: string
  /** The furthest place that somebody has gone on from. */
  reached: Place | undefined
  usedAt: Millis
}

const KEPT_FOR: Millis = 60_000
const MOST_KEPT = 32
/** Of all orders together: 16 bytes each. */
const MOST_PLACES = 1_000_000

/**
 * The orders that pages go on in: those of first pages that have more behind them, as they were
 * then. Each is kept for a minute after somebody has got further in it: who looks at one page again
 * and again is not to see old figures' order for ever. Names are random, so that no other process
 * has an order of the same one.
 */
export class KeptOrders {
  /** The least recently used first. */
  readonly #orders = new Map<string, Order>()
  readonly #clock: Clock
  /** Of all that are kept. */
  #places = 0
  #timer: NodeJS.Timeout | undefined
  #open = true

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#orders.size
  }

  /** @returns the name by which it is found; undefined if no more are kept */
  keep(question: string, { ids, figures }: Standings): string | undefined {
    if (!this.#open) return undefined
    const name = Math.random().toString(36).slice(2, 12)
    this.#forget()
    while (this.#orders.size >= MOST_KEPT || this.#isFull(ids.length)) this.#evict()
    this.#places += ids.length
    this.#orders.set(name, {
      name,
      question,
      // copies without room to grow
      ids: ids.slice(),
      figures: new Float64Array(figures),
      reached: undefined,
      usedAt: this.#clock.now(),
    })
    this.#timer ??= timers.setInterval(() => this.#forget(), KEPT_FOR).unref()
    return name
  }

  /** @returns undefined if it is kept no more, or is no answer to this question */
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

  /** One that nobody has gone on in, if there is any: some read first pages for ever. */
  #evict(): void {
    const all = [...this.#orders.values()]
    this.#drop(all.find(({ reached }) => !reached) ?? all[0]!)
  }

  #drop({ name, ids }: Order): void {
    this.#orders.delete(name)
    this.#places -= ids.length
  }

  /** One of any length is kept, if it is the only one. */
  #isFull(places: number): boolean {
    return this.#orders.size > 0 && this.#places + places > MOST_PLACES
  }
}
