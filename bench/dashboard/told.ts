import type { Page } from 'playwright-core'
import type { ClientsPage, SpillwayStats } from '../../schemas/stats.ts'
import { reads } from '../../spec/support/browser/browser-page.ts'
import { agrees, clientRows, figuresIn, whole } from '../../spec/support/browser/dashboard-page.ts'

/** The latest answers that a page got, by what it asked below the prefix. */
export type Told = ReadonlyMap<string, unknown>

const CLIENTS = '/clients?sort=worst&limit=10'

/** Listens in, without being in the way: what is measured is the page and the server. */
export function toldTo(page: Page): Told {
  const told = new Map<string, unknown>()
  page.on('response', (response) => {
    const { pathname, search } = new URL(response.url())
    const path = pathname.replace(/^\/spillway/, '')
    if (!response.ok() || !/^(\/clients)?$/.test(path)) return
    response.json().then(
      (body: unknown) => told.set(path + search, body),
      () => {}, // the page is gone
    )
  })
  return told
}

/** Names what the page shows otherwise than it was told; empty if nothing. */
export async function difference(page: Page, told: Told): Promise<string> {
  const stats = told.get('') as SpillwayStats | undefined
  const clients = (told.get(CLIENTS) as ClientsPage | undefined)?.clients
  if (!stats || !clients) return 'all: nothing was told'
  const shown = await figuresIn(page, '#totals')
  const rows = await clientRows(page)
  const same: Record<string, boolean> = {
    connected: shown.connected === whole(stats.clients.connected),
    congested: shown.congested === whole(stats.clients.congested),
    queueing: shown.queueing === whole(stats.census.queueing),
    blind: shown.blind === whole(stats.census.blind),
    buffered: reads(shown.buffered, stats.buffered),
    rss: reads(shown.rss, stats.memory.rss),
    order: String([...rows.keys()]) === String(clients.map(({ id }) => id)),
    rows: clients.every((client) => agrees(rows.get(client.id) ?? {}, client)),
  }
  const names = Object.entries(same).filter(([, isSame]) => !isSame)
  return names.map(([name]) => name).join(', ')
}
