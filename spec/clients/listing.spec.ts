import { expect } from 'chai'
import fc from 'fast-check'
import { z } from 'zod'
import type { Clock } from '../../lib/base/clock.ts'
import { KiB } from '../../lib/base/units.ts'
import type { Channel } from '../../lib/channel/channel.ts'
import { type Listing, Listings } from '../../lib/clients/listing.ts'
import { cosmetic } from '../../schemas/priority.ts'
import type { ClientStats, ListQuery } from '../../schemas/stats.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { fakeClock } from '../support/fakes/fake-clock.ts'
import {
  channelOf,
  owedBy,
  STALLING,
  type Standing,
  standings,
  USUAL,
} from '../support/fakes/standings.ts'
import { messages, pad } from '../support/messages.ts'
import { expectRefusal, refusalOfPromise } from '../support/refusals.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import { eventually, startServer } from '../support/servers/server.ts'

/** Listings of clients that may come, go and change. */
function listingsOf(standings: readonly Standing[], clock: Clock) {
  const present = new Map<string, Channel>()
  const set = (next: readonly Standing[]) => {
    present.clear()
    for (const each of next) present.set(each.id, channelOf(each))
  }
  set(standings)
  const host = { channels: () => present.values(), channel: (id: string) => present.get(id) }
  const listings = new Listings(host, clock)
  const list = async (query: Partial<ListQuery>, isMatch = (_: Channel) => true) =>
    (await listings.list({ sort: 'buffered', limit: 50, ...query }, isMatch))!
  /** The pages after a first one, before each of which something happens. */
  const follow = async (first: Listing, query: Partial<ListQuery>, before = () => {}) => {
    const ids: string[] = []
    for (let { next } = first; next !== null; ) {
      before()
      const page = await list({ ...query, cursor: next })
      ids.push(...page.ids)
      next = page.next
    }
    return ids
  }
  return { listings, list, follow, set }
}

const naiveWait = ({ rate, queued }: Standing) => (rate === undefined ? 0 : 1 + queued / rate)

const FIGURES: Record<ListQuery['sort'], (standing: Standing) => number> = {
  buffered: ({ buffered }) => buffered,
  wait: naiveWait,
  stalled: owedBy,
  worst: (standing) => {
    if (owedBy(standing) >= STALLING) return 1e15 + owedBy(standing)
    const steps = [125, 250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000]
    const step = steps.filter((from) => naiveWait(standing) >= from).length
    return step + (standing.congested || standing.losing ? 1e12 : 0)
  },
  shed: ({ shed }) => shed,
  rtt: ({ rtt }) => rtt ?? 0,
  age: ({ connectedAt }) => -connectedAt,
}

describe('Listing', () => {
  const clock = fakeClock()
  const sorts = fc.constantFrom(...(Object.keys(FIGURES) as Array<ListQuery['sort']>))

  it('walks over everyone once, in the order of a naive sort, whatever the size of a page', async () => {
    await fc.assert(
      fc.asyncProperty(
        standings,
        sorts,
        fc.integer({ min: 1, max: 20 }),
        async (all, sort, limit) => {
          const naive = [...all]
            .sort((a, b) => FIGURES[sort](b) - FIGURES[sort](a) || (a.id < b.id ? -1 : 1))
            .map(({ id }) => id)
          const { list, follow, listings } = listingsOf(all, clock)
          const first = await list({ sort, limit })
          expect(first.total).to.equal(all.length)
          const walked = [...first.ids, ...(await follow(first, { sort, limit }))]
          listings.close()
          expect(walked).to.deep.equal(naive)
        },
      ),
      { numRuns: 200, seed: 5 },
    )
  })

  describe('in pages that follow from one', () => {
    const changes = fc.array(fc.record({ all: standings, gone: fc.nat(), come: standings }), {
      minLength: 1,
      maxLength: 12,
    })

    it('has everyone who stays once, in the order of the first, whatever changes between them', async () => {
      await fc.assert(
        fc.asyncProperty(
          standings,
          changes,
          sorts,
          fc.integer({ min: 1, max: 8 }),
          async (before, turns, sort, limit) => {
            const { list, follow, set, listings } = listingsOf(before, clock)
            const first = await list({ sort, limit })
            fc.pre(first.next !== null)
            let stay = before
            let turn = 0
            const rest = await follow(first, { sort, limit }, () => {
              const { all, gone, come } = turns[turn++ % turns.length]!
              stay = stay.filter((_, index) => index !== gone % stay.length)
              // the figures of all are others
              const changed = stay.map(({ id }, index) => ({
                ...(all[index % all.length] ?? before[0]!),
                id,
              }))
              const ids = new Set(before.map(({ id }) => id))
              set([...changed, ...come.filter(({ id }) => !ids.has(id))])
            })
            listings.close()
            const seen = [...first.ids, ...rest]
            expect(new Set(seen).size, 'twice').to.equal(seen.length)
            expect(seen, 'missed').to.include.members(stay.map(({ id }) => id))
            const naive = [...before]
              .sort((a, b) => FIGURES[sort](b) - FIGURES[sort](a) || (a.id < b.id ? -1 : 1))
              .map(({ id }) => id)
            expect(seen).to.deep.equal(naive.filter((id) => seen.includes(id)))
          },
        ),
        { numRuns: 300, seed: 6 },
      )
    })

    const numbered = (count: number, figure = (n: number) => n): Standing[] =>
      Array.from({ length: count }, (_, n) => ({
        id: `a-${String(n).padStart(5, '0')}`,
        buffered: figure(n),
        shed: 0,
        connectedAt: n,
        ...USUAL,
      }))

    it('keeps the total and the filter of the first', async () => {
      const { list, set } = listingsOf(numbered(10), clock)
      const isMatch = ({ buffered }: Channel) => buffered >= 5
      const first = await list({ limit: 2, congested: true }, isMatch)
      expect(first).to.deep.include({ total: 5, ids: ['a-00009', 'a-00008'] })
      set(numbered(10, () => 0))
      const query = { limit: 50, congested: true, cursor: first.next! }
      const second = await list(query, isMatch)
      const rest = ['a-00007', 'a-00006', 'a-00005']
      expect(second).to.deep.equal({ total: 5, ids: rest, next: null })
      const other = await list({ limit: 50, congested: false, cursor: first.next! })
      expect(other.total, 'of another question the live order').to.equal(10)
    })

    it('leaves out whoever is being closed', async () => {
      const all = numbered(4)
      const { list, set } = listingsOf(all, clock)
      const { next } = await list({ limit: 1 })
      set([...all.slice(0, 2), { ...all[2]!, closedBy: 'terminated' } as Standing])
      expect((await list({ limit: 1, cursor: next! })).ids).to.deep.equal(['a-00001'])
    })

    it('goes on in the live order where that of the first is not kept, and keeps the new one', async () => {
      const time = fakeClock()
      const { list, set, follow } = listingsOf(numbered(10), time)
      const first = await list({ limit: 4 })
      time.advance(60_000)
      set(numbered(10, (n) => (n === 0 ? 3.5 : n)))
      const second = await list({ limit: 1, cursor: first.next! })
      expect(second).to.deep.include({ total: 10, ids: ['a-00005'] })
      set(numbered(10, (n) => n - 100))
      const rest = ['a-00004', 'a-00000', 'a-00003', 'a-00002', 'a-00001']
      expect(await follow(second, { limit: 2 })).to.deep.equal(rest)
      const stranger = listingsOf(numbered(10), time)
      expect((await stranger.list({ limit: 1, cursor: first.next! })).ids).to.deep.equal([
        'a-00005',
      ])
    })

    it('goes on in the live order for who looks at one page again and again', async () => {
      const time = fakeClock()
      const { list, set } = listingsOf(numbered(10), time)
      const { next } = await list({ limit: 8 })
      set(numbered(10, (n) => (n < 2 ? 1 - n : n)))
      for (const due of ['a-00001', 'a-00001', 'a-00001', 'a-00000', 'a-00000']) {
        expect((await list({ limit: 1, cursor: next! })).ids).to.deep.equal([due])
        time.advance(20_000)
      }
    })

    it('keeps no order of a list of one page, nor any after it is closed', async () => {
      const { listings, list } = listingsOf(numbered(10), clock)
      expect((await list({ limit: 10 })).next).to.equal(null)
      expect(listings.kept).to.equal(0)
      expect((await list({ limit: 1 })).next).to.be.a('string')
      expect(listings.kept).to.equal(1)
      listings.close()
      expect(listings.kept).to.equal(0)
      expect((await list({ limit: 1 })).next).to.be.a('string')
      expect(listings.kept, 'nothing after it is closed').to.equal(0)
    })
  })

  it('by trouble is the same from look to look while all keep up', async () => {
    const wait = fc.double({ min: 0, max: 120, noNaN: true })
    const healthy = standings.map((all) => all.map((each) => ({ ...each, ...USUAL })))
    await fc.assert(
      fc.asyncProperty(
        healthy,
        fc.array(wait, { minLength: 60, maxLength: 60 }),
        async (all, waits) => {
          const query = { sort: 'worst', limit: 60 } as const
          const late = all.map((each, n) => ({ ...each, queued: waits[n]! }))
          const [first, second] = await Promise.all(
            [all, late].map((each) => listingsOf(each, clock).list(query)),
          )
          expect(second!.ids).to.deep.equal(first!.ids)
        },
      ),
      { numRuns: 50, seed: 8 },
    )
  })

  it('leaves the loop to others when it takes long', async () => {
    const all = Array.from({ length: 5000 }, (_, n) => ({
      id: `a-${n}`,
      buffered: n,
      shed: 0,
      connectedAt: n,
      ...USUAL,
    }))
    let turns = 0
    const slow = {
      ...clock,
      now() {
        clock.advance(9)
        return clock.now()
      },
    }
    const count = () => {
      turns++
      setImmediate(count).unref()
    }
    const counting = setImmediate(count)
    const { list, listings } = listingsOf(all, slow)
    const first = await list({ limit: 3 })
    expect(first.ids).to.deep.equal(['a-4999', 'a-4998', 'a-4997'])
    expect(turns).to.be.greaterThan(10)
    turns = 0
    const second = await list({ limit: 3, cursor: first.next! })
    clearImmediate(counting)
    listings.close()
    expect(second.ids).to.deep.equal(['a-4996', 'a-4995', 'a-4994'])
    expect(turns, 'of a later page').to.be.greaterThan(10)
  })

  describe('of a server', () => {
    let fixture: AppFixture
    const start = async (options: Parameters<typeof startApp>[0] = {}) => {
      const odds = cosmetic(z.any(), { conflateBy: 'table' } as never)
      fixture = await startApp({
        messages: { ...messages, odds },
        admin: { auth: false },
        ...options,
      })
      return fixture
    }
    const ask = async (query: string): Promise<{ total: number; clients: ClientStats[] }> => {
      const answer = await fixture.app.inject(`/spillway/clients?${query}`)
      expect(answer.statusCode, answer.body).to.equal(200)
      return answer.json()
    }
    afterEach(() => fixture.close())

    it('is of those in a namespace and a room', async () => {
      await start()
      fixture.io.of('/lobby')
      const sockets = [
        await fixture.client(),
        await fixture.client({}, '/lobby'),
        await fixture.client(),
      ]
      const ids = sockets.map(({ id }) => fixture.app.spillway.client(id!)!.id)
      fixture.io.sockets.sockets.get(sockets[0]!.id!)!.join('vip')
      fixture.io.of('/lobby').sockets.get(sockets[1]!.id!)!.join('vip')
      const listed = async (query: string) =>
        (await ask(query)).clients.map(({ id }) => ids.indexOf(id)).sort()
      expect(await listed('')).to.deep.equal([0, 1, 2])
      expect(await listed('namespace=/')).to.deep.equal([0, 2])
      expect(await listed('namespace=/lobby')).to.deep.equal([1])
      expect(await listed('room=vip'), 'of any namespace').to.deep.equal([0, 1])
      expect(await listed('namespace=/&room=vip')).to.deep.equal([0])
      expect(await listed('namespace=/lobby&room=vip')).to.deep.equal([1])
      expect(await listed('namespace=/nowhere')).to.deep.equal([])
      expect(await listed('room=constructor')).to.deep.equal([])
      sockets[0]!.disconnect()
      await eventually(() => fixture.app.spillway.stats().clients.connected === 2)
      expect(await listed('room=vip')).to.deep.equal([1])
    })

    it('is of those that are being closed and still to be sent something, and calls them closed', async () => {
      await start({ watermarks: BOUNDLESS })
      const [slow, fast] = [await fixture.raw(), await fixture.raw()]
      await choke(fixture, slow)
      fixture.io.emit('jackpot:won', { n: 1 })
      const closing = [...fixture.app.spillway.clients()].find(({ state }) => state === 'blocked')!
      expect((await ask('state=closed')).total).to.equal(0)
      fixture.io.disconnectSockets(true)
      await eventually(() => !fast.open)
      const { clients } = await ask('state=closed')
      expect(clients.map(({ id, state }) => [id, state])).to.deep.equal([[closing.id, 'closed']])
      expect((await ask('')).total).to.equal(1)
      slow.resume()
      await eventually(() => !slow.open)
      expect((await ask('')).total).to.equal(0)
    })

    it('is of those that are congested, or in a state', async () => {
      await start({ watermarks: BOUNDLESS })
      const [slow] = [await fixture.raw(), await fixture.raw()]
      await choke(fixture, slow)
      const counts = async (query: string) => (await ask(query)).total
      expect(await counts('state=blocked')).to.equal(1)
      expect(await counts('state=blind')).to.equal(0)
      fixture.app.spillway.setPolicy({ watermarks: { low: 4 * KiB, high: 8 * KiB } })
      fixture.io.emit('reel:frame', { n: 1 })
      await eventually(() => fixture.app.spillway.stats().clients.congested >= 1)
      expect(await counts('congested=true')).to.be.at.least(1)
      const all = await ask('congested=true')
      expect(all.clients.every(({ congested }) => congested)).to.equal(true)
      expect((await counts('congested=false')) + all.total).to.equal(2)
    })

    it('is sorted by age, the oldest first, and by RTT', async () => {
      await start()
      const clients = [await fixture.raw(), await fixture.raw(), await fixture.raw()]
      fixture.io.emit('jackpot:won', { n: 1 })
      // an answer that is waited for counts as well, and grows
      const settled = ({ rtt, inFlight }: ClientStats) => rtt !== null && inFlight === 0
      await eventually(() => [...fixture.app.spillway.clients()].every(settled))
      const ages = (await ask('sort=age')).clients.map(({ connectedFor }) => connectedFor)
      expect(ages).to.have.length(clients.length)
      expect(ages).to.deep.equal([...ages].sort((a, b) => b - a))
      const rtts = (await ask('sort=rtt')).clients.map(({ rtt }) => rtt)
      expect(rtts).to.deep.equal([...rtts].sort((a, b) => b! - a!))
    })

    it('is to be had from the handle, which refuses a bad query by its path', async () => {
      await start()
      await fixture.raw()
      const { spillway } = fixture.app
      expect((await spillway.list({ congested: false })).total).to.equal(1)
      const [limit, cursor] = [spillway.list({ limit: 0 }), spillway.list({ cursor: 'x' })]
      const refusals = [await refusalOfPromise(limit), await refusalOfPromise(cursor)] as const
      const code = 'SPILLWAY_INVALID_OPTION'
      expectRefusal(refusals[0], code, 'query.limit', '0', /from 1 to 200/)
      expectRefusal(refusals[1], code, 'query.cursor', '"x"', /the same `sort`/)
    })
  })
})

describe('A client that has stopped answering', () => {
  it('is the worst off of all, waits longest, and is told when it will be closed', async () => {
    const fixture = await startServer({ messages, stallAfter: 8000 })
    const { io, spillway } = fixture
    try {
      await Promise.all(Array.from({ length: 30 }, () => fixture.raw()))
      const dead = await fixture.raw()
      const [id] = [...spillway!.clients()].slice(-1).map((client) => client.id)
      for (let n = 0; n < 20; n++) {
        io.emit('jackpot:won', { n, pad })
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      dead.stall()
      const load = setInterval(() => io.emit('reel:frame', { n: 1, pad }), 200)
      try {
        await eventually(() => spillway!.client(id!)!.stalling)
        const { closesIn, stalledFor, congested } = spillway!.client(id!)!
        expect(congested, 'nothing else would tell').to.equal(false)
        expect(stalledFor).to.be.at.least(2000)
        expect(closesIn).to.be.greaterThan(0)
        for (const sort of ['worst', 'stalled', 'wait', 'rtt'] as const) {
          const page = await spillway!.list({ sort, limit: 1 })
          expect(
            page.clients.map((client) => client.id),
            sort,
          ).to.deep.equal([id])
        }
        await eventually(() => spillway!.stats().census.stalling === 1)
      } finally {
        clearInterval(load)
      }
    } finally {
      await fixture.close()
    }
  })
})
