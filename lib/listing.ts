import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ListQuery } from '../schemas/stats.ts'
import type { Channel } from './channel.ts'
import type { Clock } from './clock.ts'
import type { Millis } from './units.ts'
import { rttOf, waitOf } from './wait.ts'

export interface Listing {
  /** All that match. */
  readonly total: number
  readonly channels: readonly Channel[]
  /** The cursor of the next page. */
  readonly next: string | null
}

/**
 * The top clients by a figure, a page at a time. A cursor is the place of the last client of the
 * page before (figure and id in its order), so that clients that come and go shift nothing.
 *
 * One pass that builds nothing for those who are not on the page, and leaves the loop to others
 * when it has taken too long.
 *
 * @returns undefined if the cursor is malformed, or of another order
 */
export async function listClients(
  channels: Iterable<Channel>,
  query: Pick<ListQuery, 'sort' | 'limit' | 'cursor'>,
  isMatch: (channel: Channel) => boolean,
  clock: Clock,
): Promise<Listing | undefined> {
  const figureOf = FIGURES[query.sort]
  const after = query.cursor === undefined ? FIRST : decode(query.sort, query.cursor)
  if (!after) return undefined
  const top = new Top(query.limit + 1)
  let now = clock.now()
  let until = now + SLICE
  let total = 0
  let looked = 0
  for (const channel of channels) {
    if (++looked % CHECKED_EVERY === 0) {
      now = clock.now()
      if (now > until) {
        await nextTurn()
        until = clock.now() + SLICE
      }
    }
    if (channel.closedBy !== undefined || !isMatch(channel)) continue
    total++
    const figure = figureOf(channel, now)
    if (compare(figure, channel.id, after.figure, after.id) > 0) top.add(figure, channel)
  }
  const page = top.entries.slice(0, query.limit)
  const last = page.at(-1)
  const more = top.entries.length > query.limit
  return {
    total,
    channels: page.map(({ channel }) => channel),
    next: last && more ? encode(query.sort, { figure: last.figure, id: last.channel.id }) : null,
  }
}

const FIGURES: Record<ListQuery['sort'], (channel: Channel, now: Millis) => number> = {
  buffered: (channel) => channel.buffered,
  wait: (channel, now) => waitOf(channel, now).cosmetic ?? 0,
  shed: (channel) => channel.shed,
  stalled: (channel, now) => channel.stalledFor(now),
  worst: (channel, now) => {
    if (channel.isStalling(now)) return STALLING + channel.stalledFor(now)
    const step = stepOf(waitOf(channel, now).cosmetic ?? 0)
    return channel.congested || channel.isLosing(now) ? LOSING + step : step
  },
  rtt: (channel, now) => rttOf(channel, now) ?? 0,
  // the oldest first; an instant, so that it does not change from page to page
  age: (channel) => -channel.connectedAt,
}

/** More than any figure of those who are better off. */
const LOSING = 1e12
const STALLING = 1e15

/** Below it a wait is no trouble. */
const NO_WAIT: Millis = 125

/**
 * In steps of a factor of two: a wait is another one each time that somebody looks, and an order by
 * it would be another one too, above all of those who keep up.
 */
function stepOf(wait: Millis): number {
  return wait < NO_WAIT ? 0 : 1 + Math.floor(Math.log2(wait / NO_WAIT))
}

/** Of the loop, before others have their turn: as long as a tick's budget is by default. */
const SLICE: Millis = 8
const CHECKED_EVERY = 256

interface Place {
  readonly figure: number
  readonly id: string
}

const FIRST: Place = { figure: Number.POSITIVE_INFINITY, id: '' }

/** The first entries by figure and id, sorted. */
class Top {
  readonly entries: Array<{ readonly figure: number; readonly channel: Channel }> = []
  readonly #size: number

  constructor(size: number) {
    this.#size = size
  }

  add(figure: number, channel: Channel): void {
    const { entries } = this
    const last = entries.at(-1)
    const full = entries.length === this.#size
    if (full && last && compare(figure, channel.id, last.figure, last.channel.id) > 0) return
    let low = 0
    for (let high = entries.length; low < high; ) {
      const middle = (low + high) >> 1
      const entry = entries[middle]!
      if (compare(figure, channel.id, entry.figure, entry.channel.id) > 0) low = middle + 1
      else high = middle
    }
    entries.splice(low, 0, { figure, channel })
    if (full) entries.pop()
  }
}

/** Largest figure first, then by id. */
function compare(figureA: number, a: string, figureB: number, b: string): number {
  if (figureA !== figureB) return figureB - figureA
  return a < b ? -1 : a > b ? 1 : 0
}

function encode(sort: ListQuery['sort'], { figure, id }: Place): string {
  return Buffer.from(`${sort} ${figure} ${id}`).toString('base64url')
}

function decode(sort: ListQuery['sort'], cursor: string): Place | undefined {
  const text = Buffer.from(cursor, 'base64url').toString()
  const [, order, digits, id] =
    /^(\w+) (-?[\d.]{1,25}(?:e[+-]?\d{1,3})?) ([\w-]{1,40})$/.exec(text) ?? []
  const figure = Number(digits)
  if (order !== sort || id === undefined || !Number.isFinite(figure)) return undefined
  return { figure, id }
}
