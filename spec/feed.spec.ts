import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import { Feed } from '../lib/admin/feed.ts'
import { KiB } from '../lib/units.ts'
import { type AppFixture, startApp } from './support/app.ts'
import { BOUNDLESS, choke } from './support/flood.ts'
import { messages } from './support/messages.ts'
import { eventually } from './support/server.ts'

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

describe('Feed', () => {
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
  function read({ keepAlive = false } = {}): Promise<FeedReader> {
    const agent = keepAlive && new Agent({ keepAlive })
    return new Promise((resolve, reject) => {
      const asked = request(`${fixture.url}/spillway/events`, { agent }, (answer) => {
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

  it('refuses one reader too many, and takes another when one has gone', async () => {
    await start()
    const readers = await Promise.all(Array.from({ length: 32 }, read))
    expect(new Set(readers.map(({ status }) => status))).to.deep.equal(new Set([200]))
    expect((await read()).status).to.equal(503)
    ends.shift()!()
    await eventually(() => !readers[0]!.open)
    let { status } = await read()
    for (const until = Date.now() + 10_000; status !== 200 && Date.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      status = (await read()).status
    }
    expect(status).to.equal(200)
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
      const feed = new Feed(fixture.app.spillway)
      expect(feed.refusal).to.equal(undefined)
      feed.close()
      expect(feed.refusal).to.equal('the server is being shut down')
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

  it('is not opened by HEAD', async () => {
    await start()
    expect((await fetch(`${fixture.url}/spillway/events`, { method: 'HEAD' })).status).to.equal(404)
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
