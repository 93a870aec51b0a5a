import type { ClosedClient, ClosedPage, ClosedQuery } from '../../schemas/stats.ts'

/**
 * A page of the closed clients, latest first. The cursor is the id of the previous page's last client,
 * so that clients closed meanwhile don't shift the pages.
 *
 * @returns undefined if no remembered client has the cursor's id
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
