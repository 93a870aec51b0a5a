import { expect } from 'chai'
import fc from 'fast-check'
import { z } from 'zod'
import { Census } from '../lib/census.ts'
import type { Channel } from '../lib/channel.ts'
import { type Listing, listClients } from '../lib/listing.ts'
import { KiB } from '../lib/units.ts'
import { cosmetic } from '../schemas/priority.ts'
import type { ClientStats, ListQuery } from '../schemas/stats.ts'
import { type AppFixture, startApp } from './support/app.ts'
import { fakeClock } from './support/fake-clock.ts'
import { BOUNDLESS, choke } from './support/flood.ts'
import { messages, pad } from './support/messages.ts'
import { expectRefusal, refusalOfPromise } from './support/refusals.ts'
import { eventually, startServer } from './support/server.ts'

/** As much of a channel as a listing and a census look at. */
interface Standing {
  id: string
  buffered: number
  shed: number
  connectedAt: number
  rtt: number | undefined
  /** Bytes a millisecond. */
  rate: number | undefined
  queued: number
  blind: boolean
  congested: boolean
  losing: boolean
  /** Milliseconds. */
  stalled: number
}

function channelOf(standing: Standing): Channel {
  const { rtt, rate, queued, blind, losing, stalled, ...rest } = standing
  const none = { messages: 0, bytes: 0 }
  return {
    ...rest,
    critical: none,
    cosmetic: { messages: 1, bytes: queued },
    window: {
      path: { rtt, rate },
      blind,
      inFlight: standing.buffered,
      queueDelay: () => 1,
      late: () => undefined,
    },
    stalledFor: () => owedBy(standing),
    isStalling: () => owedBy(standing) >= STALLING,
    isLosing: () => losing,
    state: () => (blind ? 'blind' : 'ready'),
  } as unknown as Channel
}

/** One that answers no markers owes no answer. */
const owedBy = ({ blind, stalled }: Standing) => (blind ? 0 : stalled)
const STALLING = 2500

const USUAL = {
  rtt: 1,
  rate: 1,
  queued: 0,
  blind: false,
  congested: false,
  losing: false,
  stalled: 0,
}

const standings = fc.uniqueArray(
  fc.record({
    id: fc.stringMatching(/^[a-z0-9]{1,4}-[0-9]{1,4}$/),
    buffered: fc.nat(3 * 1024 * 1024),
    shed: fc.nat(5),
    connectedAt: fc.double({ min: 0, max: 1e9, noNaN: true }),
    rtt: fc.option(fc.double({ min: 0, max: 1e4, noNaN: true }), { nil: undefined }),
    rate: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
    queued: fc.nat(100_000),
    blind: fc.boolean(),
    congested: fc.boolean(),
    losing: fc.boolean(),
    stalled: fc.nat(5000),
  }),
  { selector: ({ id }) => id, maxLength: 60 },
)

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
          const walked: string[] = []
          for (let cursor: string | undefined, turn = 0; turn <= all.length; turn++) {
            const query = { sort, limit, ...(cursor !== undefined && { cursor }) }
            const page = (await listClients(all.map(channelOf), query, () => true, clock))!
            expect(page.total).to.equal(all.length)
            walked.push(...page.channels.map(({ id }) => id))
            if (page.next === null) break
            cursor = page.next
          }
          expect(walked).to.deep.equal(naive)
        },
      ),
      { numRuns: 200, seed: 5 },
    )
  })

  it('shifts nothing when clients come and go between two pages', async () => {
    await fc.assert(
      fc.asyncProperty(standings, standings, fc.nat(), async (before, come, gone) => {
        const query = { sort: 'age', limit: 5 } as const
        const first = (await listClients(before.map(channelOf), query, () => true, clock))!
        fc.pre(first.next !== null)
        const shown = new Set(first.channels.map(({ id }) => id))
        const stay = before.filter((_, index) => index !== gone % before.length)
        const known = new Set(before.map(({ id }) => id))
        const after = [...stay, ...come.filter(({ id }) => !known.has(id))]
        const rest: string[] = []
        for (let cursor: string | null = first.next; cursor !== null; ) {
          const page: Listing = (await listClients(
            after.map(channelOf),
            { ...query, cursor },
            () => true,
            clock,
          ))!
          rest.push(...page.channels.map(({ id }) => id))
          cursor = page.next
        }
        expect(new Set(rest).size).to.equal(rest.length)
        expect(
          rest.filter((id) => shown.has(id)),
          'shown twice',
        ).to.deep.equal([])
        const missed = stay.filter(({ id }) => !shown.has(id) && !rest.includes(id))
        expect(missed, 'not shown').to.deep.equal([])
      }),
      { numRuns: 200, seed: 6 },
    )
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
            [all, late].map((each) => listClients(each.map(channelOf), query, () => true, clock)),
          )
          const ids = first!.channels.map(({ id }) => id)
          expect(second!.channels.map(({ id }) => id)).to.deep.equal(ids)
        },
      ),
      { numRuns: 50, seed: 8 },
    )
  })

  it('leaves the loop to others when it takes long', async () => {
    const all = Array.from({ length: 5000 }, (_, n) =>
      channelOf({ id: `a-${n}`, buffered: n, shed: 0, connectedAt: n, ...USUAL }),
    )
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
    const page = await listClients(all, { sort: 'buffered', limit: 3 }, () => true, slow)
    clearImmediate(counting)
    expect(page!.channels.map(({ id }) => id)).to.deep.equal(['a-4999', 'a-4998', 'a-4997'])
    expect(turns).to.be.greaterThan(10)
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
      expect(await listed('room=vip'), 'of the main namespace').to.deep.equal([0])
      expect(await listed('namespace=/lobby&room=vip')).to.deep.equal([1])
      expect(await listed('namespace=/nowhere')).to.deep.equal([])
      expect(await listed('room=constructor')).to.deep.equal([])
      sockets[0]!.disconnect()
      await eventually(() => fixture.app.spillway.stats().clients.connected === 2)
      expect(await listed('room=vip')).to.deep.equal([])
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
      await eventually(() => [...fixture.app.spillway.clients()].every(({ rtt }) => rtt !== null))
      const ages = (await ask('sort=age')).clients.map(({ connectedFor }) => connectedFor)
      expect(ages).to.have.length(clients.length)
      expect(ages).to.deep.equal([...ages].sort((a, b) => b - a))
      const rtts = (await ask('sort=rtt')).clients.map(({ rtt }) => rtt)
      expect(rtts).to.deep.equal([...rtts].sort((a, b) => b! - a!))
    })

    it('is to be had from the handle, which refuses a bad query by its path', async () => {
      await start()
      await fixture.raw()
      expect((await fixture.app.spillway.list({ congested: false }))!.total).to.equal(1)
      expect(await fixture.app.spillway.list({ cursor: 'x' })).to.equal(undefined)
      const refusal = await refusalOfPromise(
        Promise.resolve().then(() => fixture.app.spillway.list({ limit: 0 })),
      )
      expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', 'query.limit', '0', /from 1 to 200/)
    })
  })
})

describe('Census', () => {
  it('counts everyone once a lap, whatever the number of shares', () => {
    fc.assert(
      fc.property(standings, fc.integer({ min: 1, max: 20 }), (all, shares) => {
        const census = new Census(() => all.map(channelOf)[Symbol.iterator]())
        let calls = 0
        for (let now = 1; census.latest.endedAt === undefined; now++) {
          census.count(all.length, shares, now)
          calls++
        }
        const { latest } = census
        expect(calls).to.be.at.most(shares)
        expect(latest.blind).to.equal(all.filter(({ blind }) => blind).length)
        expect(latest.states.blind + latest.states.ready).to.equal(all.length)
        expect(latest.buffered.count).to.equal(all.length)
        expect(latest.buffered.sum).to.equal(all.reduce((sum, { buffered }) => sum + buffered, 0))
        for (const [index, bound] of latest.buffered.bounds.entries()) {
          const below = latest.buffered.counts.slice(0, index + 1).reduce((a, b) => a + b, 0)
          expect(below).to.equal(all.filter(({ buffered }) => buffered <= bound).length)
        }
      }),
      { numRuns: 200, seed: 7 },
    )
  })

  it('ends its lap though clients come all the time, and those that come are in the next', () => {
    const all = new Map<string, Channel>()
    const join = () => {
      const id = `a-${all.size}`
      all.set(id, channelOf({ id, buffered: 1, shed: 0, connectedAt: 0, ...USUAL }))
    }
    for (let n = 0; n < 10; n++) join()
    const census = new Census(() => all.values())
    for (let now = 1; now <= 10; now++) {
      census.count(all.size, 10, now)
      for (let n = 0; n < 5; n++) join()
    }
    expect(census.latest.endedAt).to.not.equal(undefined)
    expect(census.latest.buffered.count).to.be.at.least(10)
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
            page!.clients.map((client) => client.id),
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
