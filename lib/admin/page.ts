import type { ClientStats, ClientsPage, ClientsQuery } from '../../schemas/stats.ts'

/**
 * The top clients by a figure, a page at a time. A cursor is the place of the last client of the
 * page before (figure and id in its order), so that clients that come and go shift nothing.
 *
 * @returns undefined if the cursor is malformed, or of another order
 */
export function pageOfClients(
  clients: Iterable<ClientStats>,
  query: ClientsQuery,
): ClientsPage | undefined {
  const figureOf = FIGURES[query.sort]
  const after = query.cursor === undefined ? undefined : decode(query.sort, query.cursor)
  if (after === null) return undefined
  const all = Array.from(clients, (client) => ({
    client,
    place: { figure: figureOf(client), id: client.id },
  }))
  const rest = after ? all.filter(({ place }) => compare(place, after) > 0) : all
  rest.sort((a, b) => compare(a.place, b.place))
  const page = rest.slice(0, query.limit)
  const last = page.at(-1)
  return {
    total: all.length,
    clients: page.map(({ client }) => client),
    next: last && rest.length > page.length ? encode(query.sort, last.place) : null,
  }
}

const FIGURES: Record<ClientsQuery['sort'], (client: ClientStats) => number> = {
  buffered: (client) => client.buffered,
  shed: ({ dropped, conflated, expired }) =>
    dropped.messages + conflated.messages + expired.messages,
}

interface Place {
  readonly figure: number
  readonly id: string
}

/** Largest figure first, then by id. */
function compare(a: Place, b: Place): number {
  if (a.figure !== b.figure) return b.figure - a.figure
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function encode(sort: ClientsQuery['sort'], { figure, id }: Place): string {
  return Buffer.from(`${sort} ${figure} ${id}`).toString('base64url')
}

function decode(sort: ClientsQuery['sort'], cursor: string): Place | null {
  const text = Buffer.from(cursor, 'base64url').toString()
  const [, order, figure, id] = /^(\w+) (\d{1,15}) ([\w-]{1,40})$/.exec(text) ?? []
  if (order !== sort || figure === undefined || id === undefined) return null
  return { figure: Number(figure), id }
}
