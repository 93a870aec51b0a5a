import type { ListQuery } from '../../schemas/stats.ts'
import type { Clock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import { rttOf, waitOf } from '../channel/predicted-wait.ts'
import { compare, KeptOrders, type Place, type Standings, type Start } from './kept-orders.ts'

export interface Listing {
  /** Number of clients that match; on later pages, when the first page was made. */
  readonly total: number
  readonly ids: readonly string[]
  /** The cursor of the next page. */
  readonly next: string | null
}

/** Whose clients are listed. */
export interface ListingHost {
  channels(): Iterable<Channel>
  channel(id: string): Channel | undefined
}

/**
 * Lists the top clients by a figure, a page at a time. The order of a first page is kept, and further
 * pages continue in it: each client that stays connected is on exactly one of them. A cursor holds
 * the name of the order and the place of the last client (figure and id); if the order is no longer
 * kept, the next page continues in the order of the figures at that time.
 *
 * Clients that are not on the page cost a comparison, no sorting and no object. A long listing gives
 * way to other turns of the event loop.
 */
export class Listings {
  readonly #host: ListingHost
  readonly #clock: Clock
  readonly #orders: KeptOrders

  constructor(host: ListingHost, clock: Clock) {
    this.#host = host
    this.#clock = clock
    this.#orders = new KeptOrders(clock)
  }

  /** Number of orders that are kept. */
  get kept(): number {
    return this.#orders.size
  }

  /** @returns undefined if the cursor is malformed, or of another order */
  async list(
    query: ListQuery,
    isMatch: (channel: Channel) => boolean,
  ): Promise<Listing | undefined> {
    const { sort, limit, cursor } = query
    const from = cursor === undefined ? FIRST : decode(sort, cursor)
    if (!from) return undefined
    const slices = new Slices(this.#clock)
    const question = questionOf(query)
    const kept = this.#orders.find(from, question)
    const standings = kept ?? (await this.#standings(FIGURES[sort], isMatch, slices))
    const top = await this.#topOf(standings, from, limit + 1, slices)
    const page = top.slice(0, limit)
    const last = page.at(-1)
    const isMore = last && top.length > limit
    const order = kept?.name ?? (isMore ? this.#orders.keep(question, standings) : undefined)
    return {
      total: standings.ids.length,
      ids: page.map(({ id }) => id),
      next: isMore ? encode(sort, { ...last, order }) : null,
    }
  }

  close(): void {
    this.#orders.close()
  }

  /** The ids and figures of all clients that match now. */
  async #standings(
    figureOf: Figure,
    isMatch: (channel: Channel) => boolean,
    slices: Slices,
  ): Promise<Standings> {
    const ids: string[] = []
    const figures: number[] = []
    for (const channel of this.#host.channels()) {
      // matching may look at each socket of a client
      if (slices.isOver(1 + channel.sockets.size)) await slices.next()
      if (channel.closedBy !== undefined || !isMatch(channel)) continue
      ids.push(channel.id)
      figures.push(figureOf(channel, slices.now))
    }
    return { ids, figures }
  }

  async #topOf(
    { ids, figures }: Standings,
    from: Place,
    size: number,
    slices: Slices,
  ): Promise<readonly Place[]> {
    const top = new Top(size)
    for (let index = 0; index < ids.length; index++) {
      if (slices.isOver()) await slices.next()
      const id = ids[index]!
      const figure = figures[index]!
      if (compare(figure, id, from.figure, from.id) <= 0 || !top.hasRoom(figure, id)) continue
      if (this.#isOpen(id)) top.add({ figure, id })
    }
    return top.places
  }

  #isOpen(id: string): boolean {
    const channel = this.#host.channel(id)
    return channel !== undefined && channel.closedBy === undefined
  }
}

type Figure = (channel: Channel, now: Millis) => number

const FIGURES: Record<ListQuery['sort'], Figure> = {
  buffered: (channel) => channel.buffered,
  wait: (channel, now) => waitOf(channel.delivery, channel.lanes, now).cosmetic ?? 0,
  shed: (channel) => channel.shed,
  stalled: (channel, now) => channel.delivery.stalledFor(now),
  worst: (channel, now) => {
    if (channel.isStalling(now)) return STALLING + channel.delivery.stalledFor(now)
    const step = stepOf(waitOf(channel.delivery, channel.lanes, now).cosmetic ?? 0)
    return channel.congested || channel.isLosing(now) ? LOSING + step : step
  },
  rtt: (channel, now) => rttOf(channel.delivery, now) ?? 0,
  // the oldest first
  age: (channel) => -channel.connectedAt,
}

/** Added to a figure to place one group of clients above all others. */
const LOSING = 1e12
const STALLING = 1e15

/** Shorter waits count as none. */
const NO_WAIT: Millis = 125

/**
 * A wait in steps of a factor of two. The exact wait of a client changes all the time, and so would
 * the order of the list, most of all among clients that keep up.
 */
function stepOf(wait: Millis): number {
  return wait < NO_WAIT ? 0 : 1 + Math.floor(Math.log2(wait / NO_WAIT))
}

/** Time after which a listing gives way to other turns: the default of `tickBudget`. */
const SLICE: Millis = 8
const CHECKED_EVERY = 256

class Slices {
  now: Millis
  readonly #clock: Clock
  #until: Millis
  #looked = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.now = clock.now()
    this.#until = this.now + SLICE
  }

  /** @param looked number of items since the last call */
  isOver(looked = 1): boolean {
    this.#looked += looked
    if (this.#looked < CHECKED_EVERY) return false
    this.#looked = 0
    this.now = this.#clock.now()
    return this.now > this.#until
  }

  async next(): Promise<void> {
    await new Promise<void>((resolve) => timers.setImmediate(resolve))
    this.now = this.#clock.now()
    this.#until = this.now + SLICE
  }
}

/** The first places of an order, sorted, and never more than asked for. */
class Top {
  readonly places: Place[] = []
  readonly #size: number

  constructor(size: number) {
    this.#size = size
  }

  hasRoom(figure: number, id: string): boolean {
    if (this.places.length < this.#size) return true
    const last = this.places.at(-1)!
    return compare(figure, id, last.figure, last.id) < 0
  }

  /** Adds a place that `hasRoom` has admitted; the last place beyond the size drops out. */
  add(place: Place): void {
    const { places } = this
    let low = 0
    for (let high = places.length; low < high; ) {
      const middle = (low + high) >> 1
      const { figure, id } = places[middle]!
      if (compare(place.figure, place.id, figure, id) > 0) low = middle + 1
      else high = middle
    }
    places.splice(low, 0, place)
    if (places.length > this.#size) places.pop()
  }
}

/** A query without its page, as a string: a kept order answers this query only. */
function questionOf({ sort, namespace, room, congested, losing, state }: ListQuery): string {
  return JSON.stringify([sort, namespace, room, congested, losing, state])
}

const FIRST: Start = { figure: Number.POSITIVE_INFINITY, id: '', order: undefined }

function encode(sort: ListQuery['sort'], { figure, id, order }: Start): string {
  const place = `${sort} ${figure} ${id}`
  return Buffer.from(order === undefined ? place : `${place} ${order}`).toString('base64url')
}

function decode(sort: ListQuery['sort'], cursor: string): Start | undefined {
  const text = Buffer.from(cursor, 'base64url').toString()
  const [, sorted, digits, id, order] =
    /^(\w+) (-?[\d.]{1,25}(?:e[+-]?\d{1,3})?) ([\w-]{1,40})(?: (\w{1,20}))?$/.exec(text) ?? []
  const figure = Number(digits)
  if (sorted !== sort || id === undefined || !Number.isFinite(figure)) return undefined
  return { figure, id, order }
}
