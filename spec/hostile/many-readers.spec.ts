import { get, type IncomingMessage } from 'node:http'
import { expect } from 'chai'
import { Listings } from '../../lib/clients/listing.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import { eventually } from '../support/servers/server.ts'

describe('Many readers of the admin routes', () => {
  let fixture: AppFixture

  afterEach(() => fixture.close())

  async function ask(query: string): Promise<Response> {
    return fetch(`${fixture.url}/spillway/clients${query}`)
  }

  /** Lists until it is let go on. */
  function holdListings(): { readonly walks: number; release(): void } {
    const { list } = Listings.prototype
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    const held = {
      walks: 0,
      release: () => {
        Listings.prototype.list = list
        go()
      },
    }
    Listings.prototype.list = async function (this: Listings, ...args) {
      held.walks++
      await gate
      return list.apply(this, args)
    }
    return held
  }

  it('that ask the same have one listing made for all of them', async () => {
    let asked = 0
    fixture = await startApp({ admin: { auth: false } }, (app) => {
      app.addHook('preHandler', async () => {
        asked++
      })
    })
    await Promise.all(Array.from({ length: 3 }, () => fixture.raw()))
    const alone = (await (await ask('')).json()) as Page
    const held = holdListings()
    const answers = Array.from({ length: 200 }, () => ask(''))
    // all are there before it ends
    await eventually(() => asked === 201)
    held.release()
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).to.equal(200)
      expect(answer.headers.get('content-type')).to.equal('application/json; charset=utf-8')
      const { clients } = (await answer.json()) as Page
      expect(clients.map(({ id }) => id)).to.deep.equal(alone.clients.map(({ id }) => id))
    }
    expect(held.walks).to.equal(1)
  })

  it('that ask differently wait for each other, and beyond a few are told when to come', async () => {
    fixture = await startApp({ admin: { auth: false } })
    await fixture.raw()
    const held = holdListings()
    const answers = Array.from({ length: 50 }, (_, n) => ask(`?limit=${n + 1}`))
    const statuses: number[] = []
    for (const answer of answers) void answer.then(({ status }) => statuses.push(status))
    await eventually(() => statuses.length === 42)
    expect(held.walks).to.equal(1)
    held.release()
    const all = await Promise.all(answers)
    const refused = all.filter(({ status }) => status === 503)
    expect(all.filter(({ status }) => status === 200)).to.have.length(8)
    expect(refused).to.have.length(42)
    for (const answer of refused) {
      expect(answer.headers.get('retry-after')).to.equal('1')
      expect(await answer.json()).to.deep.equal({
        error: 'Service Unavailable',
        message: 'Too many different listings are under way; `retry-after` tells when to come.',
      })
    }
    // control: one after the other all are answered
    for (let n = 1; n <= 20; n++) expect((await ask(`?limit=${n}`)).status).to.equal(200)
  })

  it('of events, 500 of them, leave 32, and the server answers', async () => {
    fixture = await startApp({ admin: { auth: false } })
    const open: IncomingMessage[] = []
    const statuses: number[] = []
    const since = performance.now()
    const asked = Array.from({ length: 500 }, () =>
      get(`${fixture.url}/spillway/events`, { agent: false }, (answer) => {
        statuses.push(answer.statusCode!)
        open.push(answer.on('error', () => {}))
      }).on('error', () => statuses.push(0)),
    )
    await eventually(() => statuses.length === 500)
    // 32 places, and 8 readers that are displaced at once, then one a second
    const most = 40 + Math.ceil((performance.now() - since) / 1000)
    expect(statuses.filter((status) => status === 200).length).to.be.within(1, most)
    expect(statuses.filter((status) => status === 503).length).to.be.at.least(500 - most)
    expect((await fetch(`${fixture.url}/spillway`)).status).to.equal(200)
    const client = await fixture.raw()
    fixture.io.emit('hello')
    await client.until(() => client.events.includes('hello'))
    for (const each of asked) each.destroy()
  })
})

interface Page {
  readonly clients: ReadonlyArray<{ readonly id: string }>
}
