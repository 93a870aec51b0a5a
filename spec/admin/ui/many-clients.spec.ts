import { expect } from 'chai'
import type { ClientsPage, SpillwayStats } from '../../../schemas/stats.ts'
import { reached } from '../../support/browser/browser.ts'
import { clientRows, wordsOf } from '../../support/browser/dashboard-page.ts'
import { Stage } from '../../support/browser/dashboard-stage.ts'
import type { RawClient } from '../../support/servers/server.ts'

const LIMIT_MS = 60_000

describe('The dashboard of more clients than a page has', function () {
  this.timeout(LIMIT_MS)

  const stage = new Stage()

  const populate = async (count: number): Promise<RawClient[]> => {
    await stage.start()
    const clients: RawClient[] = []
    for (let n = 0; n < count; n++) clients.push(await stage.fixture.raw())
    return clients
  }
  const rows = async () => (await clientRows(stage.page)).size

  it('says how many are slow, also those that it does not list', async () => {
    await populate(12)
    const spoil = (path: string, body: unknown): unknown => {
      if (path === '') {
        const stats = body as SpillwayStats
        const clients = { ...stats.clients, connected: 14_000, congested: 40 }
        return { ...stats, clients, census: { ...stats.census, stalling: 140, losing: 700 } }
      }
      if (!path.startsWith('/clients?')) return body
      const page = body as ClientsPage
      const bad = { losing: true, lossShare: 0.7, stalling: true, stalledFor: 4000, closesIn: 3000 }
      return { ...page, clients: page.clients.map((client) => ({ ...client, ...bad })) }
    }
    await stage.open({ meddle: spoil })
    const verdict = () => wordsOf(stage.page.locator('#verdict'))
    await reached('the sentence', async () =>
      (await verdict()).startsWith('At least 700 of 14,000 clients are slow, above all 127.0.0.1'),
    )
    expect(await verdict()).to.match(/About to be closed: .* in 3\.00 s, and at least 9 more\.$/)
  })

  it('goes back to the first page when nobody is left on the one on show', async () => {
    const clients = await populate(12)
    await stage.open()
    await stage.page.locator('#clients-table [data-sort=age]').click()
    await reached('the first page', async () => (await rows()) === 10)
    await stage.page.locator('#clients .pager').getByText('Next page').click()
    await reached('the rest', async () => (await rows()) === 2)
    for (const client of clients.slice(10)) client.close()
    await reached('the first page again', async () => (await rows()) === 10)
    expect(await stage.page.locator('#clients .empty').isVisible()).to.equal(false)
    expect(await stage.page.locator('#clients .pager').isVisible()).to.equal(false)
  })

  it('says so where there are none', async () => {
    await populate(0)
    await stage.open()
    await reached('the words', async () =>
      (await wordsOf(stage.page.locator('#verdict'))).startsWith('No clients are connected.'),
    )
    await reached('the empty table', async () =>
      /^No clients/.test(await wordsOf(stage.page.locator('#clients .empty'))),
    )
    expect(stage.troubles()).to.deep.equal([])
  })
})
