import type { ClosedClient, ClosedPage, ClosedQuery } from '../../schemas/stats.ts'

/**
 * A page of the closed clients, latest first. A cursor is the id of the last client of the page
 * before, so that clients that are closed meanwhile shift nothing.
 *
 * @returns undefined if the cursor names nobody who is remembered
 */
export function pageOfClosed(
  all: readonly ClosedClient[],
  { code, limit, cursor }: ClosedQuery,
): ClosedPage | undefined {
  const start = cursor === undefined ? 0 : all.findIndex(({ id }) => id === cursor) + 1
  if (cursor !== undefined && start === 0) return undefined
  const rest = all.slice(start).filter((client) => code === undefined || client.code === code)
  const closed = rest.slice(0, limit)
  return { closed, next: rest.length > limit ? closed.at(-1)!.id : null }
}
