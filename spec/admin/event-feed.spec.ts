import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { EventFeed } from '../../lib/admin/event-feed.ts'
import { EventPlaces } from '../../lib/admin/event-places.ts'
import { EventReader } from '../../lib/admin/event-reader.ts'
import { isStillAllowed } from '../../lib/admin/still-allowed.ts'
import { KiB } from '../../lib/base/units.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { messages } from '../support/messages.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import { eventually } from '../support/servers/server.ts'

interface Told {
  readonly event: string
  readonly data: Record<string, never>
}

interface FeedReader {
  readonly status: number
  readonly type: string
  readonly told: readonly Told[]
  readonly open: boolean
  /** Whether its answer has ended, and was not cut off. */
  readonly whole: boolean
}

/** For what takes no time but the machine's. */
const SOON = 400

/** Of server-sent events: what has arrived in whole. */
function parse(text: string): Told[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .filter((frame) => !frame.startsWith(':'))
    .map((frame) => {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(frame) ?? []
      if (event === undefined || data === undefined) throw new Error(`no event: ${frame}`)
      return { event, data: JSON.parse(data) }
    })
}

describe('EventFeed', () => {
  let fixture: AppFixture
  const ends: Array<() => void> = []
  const start = async (options: Parameters<typeof startApp>[0] = {}) => {
    fixture = await startApp({ messages, admin: { auth: false, changeAuth: false }, ...options })
  }
  afterEach(async () => {
    for (const end of ends.splice(0)) end()
    await fixture.close()
  })

  /** A reader, from when its answer has begun. */
  function read({
    keepAlive = false,
    path = '/spillway/events',
    headers = {} as Readonly<Record<string, string>>,
  } = {}): Promise<FeedReader> {
    const agent = keepAlive && new Agent({ keepAlive })
    return new Promise((resolve, reject) => {
      const asked = request(`${fixture.url}${path}`, { agent, headers }, (answer) => {
        const reader = {
          status: answer.statusCode!,
          type: String(answer.headers['content-type']),
          told: [] as Told[],
          open: true,
          whole: false,
        }
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => {
          text += chunk
          if (reader.status === 200) reader.told = parse(text)
        })
        answer.on('close', () => {
          reader.open = false
          reader.whole = answer.complete
        })
        answer.on('error', () => {})
        resolve(reader)
      })
      asked.on('error', reject)
      asked.end()
      ends.push(() => asked.destroy())
    })
  }

  it('tells of congestion entered and left, of sheds in sum, of closings and of the policy', async () => {
    await start({ watermarks: BOUNDLESS })
    const reader = await read()
    expect(reader).to.include({ status: 200, type: 'text/event-stream' })
    const of = (event: string) => reader.told.filter((each) => each.event === event)
    const client = await fixture.raw()
    await choke(fixture, client)
    const { id } = [...fixture.app.spillway.clients()][0]!
    const watermarks = { low: 4 * KiB, high: 8 * KiB, limit: BOUNDLESS.limit }
    fixture.app.spillway.setPolicy({ watermarks })
    for (let n = 0; n < 30; n++) fixture.io.emit('reel:frame', { n })
    await eventually(() => of('congested').length === 1 && of('shed').length > 0)
    client.resume()
    await eventually(() => of('recovered').length === 1)
    fixture.app.spillway.terminate(id)
    await eventually(() => of('closed').length === 1)
    expect(of('congested')[0]!.data).to.deep.include({
      client: { id, address: '127.0.0.1', userAgent: null },
    })
    const sheds = of('shed').flatMap(
      ({ data }) => data.events as unknown as Array<Record<string, number>>,
    )
    expect(sheds.every(({ event }) => String(event) === 'reel:frame')).to.equal(true)
    const dropped = sheds.reduce((sum, each) => sum + each.dropped!, 0)
    expect(dropped).to.equal(fixture.app.spillway.stats().classes.cosmetic.dropped.messages)
    expect(of('recovered')[0]!.data).to.have.nested.property('summary.dropped', dropped)
    expect(of('closed')[0]!.data).to.include({ id, code: 'terminated' })
    expect(of('policy')[0]!.data).to.have.nested.property('watermarks.low', 4 * KiB)
  })

  it('costs nothing when nobody reads', async () => {
    await start()
    const { events } = fixture.app.spillway
    const reader = await read()
    expect(events.listenerCount('congested')).to.equal(1)
    const second = await read()
    expect(events.listenerCount('congested')).to.equal(1)
    for (const end of ends.splice(0)) end()
    await eventually(() => events.listenerCount('congested') === 0)
    expect([reader.status, second.status]).to.deep.equal([200, 200])
    expect((await read()).status, 'and begins again').to.equal(200)
    expect(events.listenerCount('congested')).to.equal(1)
  })

  it('leaves out what a slow reader has no room for, and tells it how much', async () => {
    await start()
    const socket = await slowReader()
    const { events } = fixture.app.spillway
    await eventually(() => events.listenerCount('closed') === 1)
    const told = 40_000
    await flood(told)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.resume()
    const received = () => text.match(/event: recovered/g)?.length ?? 0
    await eventually(() => omittedIn(text) > 0 && received() + omittedIn(text) === told)
    expect(received()).to.be.lessThan(told)
  })

  describe('with more readers than places', () => {
    it('has the oldest give way where all keep up, a few at once', async () => {
      await start()
      const readers = await Promise.all(Array.from({ length: 32 }, () => read()))
      const more = []
      for (let n = 0; n < 10; n++) more.push(await read())
      expect(more.map(({ status }) => status)).to.deep.equal([...Array(8).fill(200), 503, 503])
      await eventually(() => readers.filter(({ open }) => !open).length === 8)
      expect(readers.every(({ open, whole }) => open || whole)).to.equal(true)
    })

    it('lets nobody be locked out by those that never read', async () => {
      await start()
      for (let n = 0; n < 32; n++) await slowReader()
      const { events } = fixture.app.spillway
      await eventually(() => events.listenerCount('closed') === 1)
      const reader = await read()
      expect(reader.status).to.equal(200)
      await flood(10)
      await eventually(() => reader.told.length >= 10)
    })

    it('has the slowest give way', async () => {
      const places = new EventPlaces()
      const responses = Array.from({ length: 32 }, () => ({ writableLength: 0, destroy() {} }))
      const readers = responses.map((response, n) => new EventReader(response, `a${n}`, 0))
      for (const reader of readers) {
        reader.stream.resume()
        places.add(reader)
      }
      await turn()
      expect(places.full).to.equal(true)
      // the eighth takes nothing from the third second on, the fifth from the sixth on
      for (let now = 1000; now <= 20_000; now += 1000) {
        if (now === 3000) responses[7]!.writableLength = 100
        if (now === 6000) responses[4]!.writableLength = 100
        for (const reader of readers) reader.look(now)
      }
      const first = places.displaced(20_000)!
      expect(readers.indexOf(first)).to.equal(7)
      places.delete(first)
      expect(readers.indexOf(places.displaced(20_000)!)).to.equal(4)
    })

    it('has that of the address with most give way where all keep up', async () => {
      const places = new EventPlaces()
      const reader = (address: string) => {
        const made = new EventReader({ writableLength: 0, destroy() {} }, address, 0)
        made.stream.resume()
        places.add(made)
        return made
      }
      reader('alone')
      for (let n = 0; n < 31; n++) reader(n < 20 ? 'hog' : `other ${n}`)
      await turn()
      for (let n = 0; n < 5; n++) {
        const displaced = places.displaced(0)!
        expect(displaced.address).to.equal('hog')
        places.delete(displaced)
      }
    })

    it('takes one for dead that takes nothing for a minute, though its connection is open', async () => {
      const places = new EventPlaces()
      const response = { writableLength: 0, destroy() {} }
      const reader = new EventReader(response, 'a', 0)
      reader.stream.resume()
      places.add(reader)
      await turn()
      expect([...places.dead(50_000)]).to.deep.equal([])
      response.writableLength = 13
      expect([...places.dead(60_000)]).to.deep.equal([])
      expect([...places.dead(109_999)]).to.deep.equal([])
      expect([...places.dead(110_000)]).to.deep.equal([reader])
      response.writableLength = 0
      expect([...places.dead(110_001)]).to.deep.equal([])
    })
  })

  describe('asks again whether a reader may read', () => {
    it('and ends its stream if not', async () => {
      await start()
      let now = 0
      let allowed = true
      let asked = 0
      const feed = new EventFeed(fixture.app.spillway, { now: () => now, wall: () => now })
      ends.push(() => feed.close())
      const isAllowed = async () => {
        asked++
        return allowed
      }
      const stream = feed.open({ destroy() {} }, 'a', isAllowed) as Readable
      stream.resume()
      now = 44_000
      await new Promise((resolve) => setTimeout(resolve, 1100))
      expect(asked).to.equal(0)
      now = 46_000
      await eventually(() => asked === 1)
      expect(stream.readableEnded).to.equal(false)
      allowed = false
      now = 92_000
      await eventually(() => stream.readableEnded)
    })

    for (const [way, path, headers] of [
      ['a header', '/spillway/events', { authorization: 'good' }],
      ['the query', '/spillway/events?token=good', {}],
    ] as const) {
      it(`by its auth hooks, with a token in ${way}`, async () => {
        let valid = 'good'
        let request: FastifyRequest | undefined
        const auth = async (asked: FastifyRequest, reply: FastifyReply) => {
          request ??= asked
          const { token } = asked.query as { token?: string }
          if (asked.headers.authorization === valid || token === valid) return
          await reply.code(401).send({ error: 'Unauthorized' })
        }
        await start({ admin: { auth } })
        expect((await read({ path, headers })).status).to.equal(200)
        expect(await isStillAllowed(fixture.app, request!)).to.equal(true)
        valid = 'another'
        expect(await isStillAllowed(fixture.app, request!)).to.equal(false)
      })
    }
  })

  describe('ends with the app', () => {
    const closingTime = async () => {
      const from = performance.now()
      await fixture.app.close()
      return performance.now() - from
    }

    it('which tells what its shutdown has closed, and does not wait for it', async () => {
      await start({ watermarks: BOUNDLESS, shutdown: { deadline: 200 } })
      const readers = await Promise.all([read(), read({ keepAlive: true })])
      const clients = [await fixture.raw(), await fixture.raw(), await fixture.raw()]
      await choke(fixture, ...clients)
      fixture.io.emit('jackpot:won', { n: 1 })
      const ids = [...fixture.app.spillway.clients()].map(({ id }) => id)
      expect(await closingTime()).to.be.below(200 + SOON)
      await eventually(() => readers.every(({ open }) => !open))
      for (const { told, whole } of readers) {
        expect(whole).to.equal(true)
        const closed = told.filter(({ event }) => event === 'closed')
        expect(closed.map(({ data }) => data.id)).to.have.members(ids)
        expect(new Set(closed.map(({ data }) => data.code))).to.deep.equal(new Set(['shutdown']))
      }
    })

    it('and is not opened any more then', async () => {
      await start()
      const feed = new EventFeed(fixture.app.spillway)
      feed.close()
      const response = { writableLength: 0, destroy() {} }
      const opened = feed.open(response, '127.0.0.1', async () => true)
      expect(opened).to.equal('the server is being shut down')
    })

    it('which cuts off who does not read', async () => {
      await start()
      await slowReader()
      const { events } = fixture.app.spillway
      await eventually(() => events.listenerCount('closed') === 1)
      // more than the kernel's buffers hold
      await flood(80_000)
      expect(await closingTime()).to.be.within(400, 500 + SOON)
      await eventually(() => events.listenerCount('closed') === 0)
    })

    it('which tells a slow reader at last how much it was not told', async () => {
      await start()
      const socket = await slowReader()
      await eventually(() => fixture.app.spillway.events.listenerCount('closed') === 1)
      await flood(30_000)
      const closed = fixture.app.close()
      const text = await textOf(socket)
      await closed
      expect(text.match(/event: recovered/g)!.length + omittedIn(text)).to.equal(30_000)
    })
  })

  describe('of HEAD', () => {
    const ask = (headers: Record<string, string> = {}, method = 'HEAD') =>
      fetch(`${fixture.url}/spillway/events`, { method, headers })

    it('has the headers of the stream and no body, and counts no reader', async () => {
      await start()
      const reading = new AbortController()
      const stream = await fetch(`${fixture.url}/spillway/events`, { signal: reading.signal })
      const namesOf = (of: Response) =>
        Object.fromEntries(
          [...of.headers].filter(([name]) => !/^(date|transfer-encoding)$/.test(name)),
        )
      const listening = fixture.app.spillway.events.listenerCount('closed')
      for (let n = 0; n < 40; n++) {
        const answer = await ask()
        expect(answer.status).to.equal(200)
        expect(namesOf(answer)).to.deep.equal(namesOf(stream))
        expect(await answer.text()).to.equal('')
      }
      expect(fixture.app.spillway.events.listenerCount('closed')).to.equal(listening)
      reading.abort()
      await eventually(() => fixture.app.spillway.events.listenerCount('closed') === 0)
      expect((await ask()).status).to.equal(200)
      expect(fixture.app.spillway.events.listenerCount('closed')).to.equal(0)
    })

    it('is asked for as the stream is', async () => {
      await start({
        admin: {
          auth: async ({ headers }, reply) =>
            headers.authorization === 'good' ? undefined : reply.code(401).send(),
        },
      })
      expect((await ask()).status).to.equal(401)
      expect((await ask({ authorization: 'good' })).status).to.equal(200)
    })
  })

  /** Tells of clients that have caught up. */
  async function flood(count: number): Promise<void> {
    const { events } = fixture.app.spillway
    const summary = { dropped: 1, conflated: 0, expired: 0, bytes: 1, lasted: 1, events: { a: 1 } }
    for (let n = 0; n < count; n++) {
      events.emit('recovered', { id: `a-${n}`, address: null, userAgent: 'x'.repeat(200) }, summary)
      if (n % 200 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** One that has asked, and does not read. */
  async function slowReader(): Promise<Socket> {
    const socket = connect(fixture.port, '127.0.0.1')
    socket.pause()
    socket.write('GET /spillway/events HTTP/1.1\r\nhost: a\r\n\r\n')
    ends.push(() => socket.destroy())
    return socket
  }
})

/** How much of it a reader was not told, by itself. */
function omittedIn(text: string): number {
  const counts = text.matchAll(/event: omitted\ndata: \{"count":(\d+)\}/g)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}
