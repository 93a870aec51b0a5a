import { once } from 'node:events'
import type { Socket } from 'node:net'
import { expect } from 'chai'
import type { ClosedClient } from '../../schemas/stats.ts'
import { HostileSocket, requestOf } from '../support/clients/hostile-socket.ts'
import { PollingSession } from '../support/clients/upgrades.ts'
import { messages } from '../support/messages.ts'
import { startApp } from '../support/servers/app.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const MiB = 1024 * 1024
/** More than the kernel takes of what nobody reads. */
const HUGE = 24 * MiB
const ROOM = { low: 65_536, high: 131_072, limit: 256 * MiB, emergency: 512 * MiB }

describe('Responses that nobody reads', () => {
  const open: Array<{ close(): unknown }> = []

  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  async function start(options: object = {}, server: object = {}): Promise<Fixture> {
    const fixture = await startServer({ messages, watermarks: ROOM, grace: 0, ...options }, server)
    open.push(fixture)
    return fixture
  }

  /** A poll on a connection of its own, of which nothing is read. */
  async function unreadPoll({ port }: Fixture, sid: string): Promise<HostileSocket> {
    const tcp = await HostileSocket.open(port)
    open.push(tcp)
    tcp.pause()
    tcp.send(requestOf({ query: `EIO=4&transport=polling&sid=${sid}` }))
    return tcp
  }

  /** A client that has polled and reads nothing of the response, which the kernel can't take. */
  async function unread(fixture: Fixture): Promise<{ session: PollingSession; id: string }> {
    const session = await PollingSession.open(fixture)
    const socket = [...fixture.io.sockets.sockets.values()].at(-1)!
    const { transport } = socket.conn
    await unreadPoll(fixture, session.sid)
    await eventually(() => transport.writable)
    socket.emit('jackpot:won', { n: 1, pad: 'x'.repeat(HUGE) })
    expect(fixture.spillway!.client(socket.id)!.outstanding).to.be.greaterThan(HUGE)
    return { session, id: socket.id }
  }

  const held = ({ spillway }: Fixture) => spillway!.stats().budget.held

  it('are not taken for received when the client polls again on other connections', async () => {
    const fixture = await start()
    const { session, id } = await unread(fixture)
    const { transport } = [...fixture.io.sockets.sockets.values()][0]!.conn
    for (let n = 0; n < 3; n++) {
      await unreadPoll(fixture, session.sid)
      await eventually(() => transport.writable)
      const { outstanding, inFlight, state } = fixture.spillway!.client(id)!
      expect(outstanding).to.be.greaterThan(HUGE)
      expect(inFlight).to.be.greaterThan(HUGE)
      expect(state).not.to.equal('blind')
      // answers the poll
      transport.send([{ type: 'noop' }] as never)
    }
    expect(held(fixture)).to.be.greaterThan(HUGE)
  })

  it('are received when a client reads them that polls on a new connection each time', async () => {
    const fixture = await start({ stallAfter: 2000 })
    const session = await PollingSession.open(fixture)
    const socket = [...fixture.io.sockets.sockets.values()][0]!
    for (let n = 0; n < 5; n++) {
      const poll = fetch(`${fixture.url}/socket.io/?EIO=4&transport=polling&sid=${session.sid}`, {
        headers: { connection: 'close' },
      })
      await eventually(() => socket.conn.transport.writable)
      const { buffered } = fixture.spillway!.client(socket.id)!
      expect(buffered).to.equal(0)
      socket.emit('jackpot:won', { n, pad: 'x'.repeat(4 * MiB) })
      expect((await (await poll).text()).length).to.be.greaterThan(4 * MiB)
    }
    expect(fixture.spillway!.stats().closed).to.include({ stalled: 0, 'over-limit': 0 })
  })

  it('are freed with the client, whichever of its connections they are on', async () => {
    const fixture = await start()
    const accepted: Socket[] = []
    fixture.http.on('connection', (socket: Socket) => accepted.push(socket))
    const { session, id } = await unread(fixture)
    await unreadPoll(fixture, session.sid)
    const { transport } = [...fixture.io.sockets.sockets.values()][0]!.conn
    await eventually(() => transport.writable)
    transport.send([{ type: 'noop' }] as never)
    const sockets = accepted.filter(({ writableLength }) => writableLength > 0)
    expect(sockets).to.have.length(1)
    fixture.spillway!.terminate(id)
    expect(held(fixture)).to.equal(0)
    await eventually(() => sockets.every(({ destroyed }) => destroyed))
  })

  it('count for the budget when their client has left, and are freed for it', async () => {
    const fixture = await start({ budget: HUGE })
    const honest = await fixture.client({ transports: ['polling'] })
    const first = await unread(fixture)
    await first.session.post('1')
    await eventually(() => fixture.spillway!.stats().clients.connected === 1)
    expect(held(fixture)).to.be.greaterThan(HUGE)
    // with a second it is too much: the first one's is freed, whether the second has left by then or not
    const second = await unread(fixture)
    await second.session.post('1')
    await eventually(() => held(fixture) < 1.5 * HUGE)
    expect(fixture.spillway!.stats().closed.budget).to.equal(0)
    expect(honest.connected).to.equal(true)
  })

  it('do not hold up a shutdown', async () => {
    const fixture = await startApp({ messages, watermarks: ROOM, shutdown: { deadline: 200 } })
    open.push(fixture)
    const { session } = await unread(fixture)
    await session.post('1')
    await fixture.app.close()
    expect(fixture.spillway!.readings.sizes).to.include({ lingering: 0, held: 0 })
  })

  for (const protocol of [3, 4] as const) {
    it(`that a client does not even ask for close it, whatever its heartbeats, protocol ${protocol}`, async () => {
      const fixture = await start({ stallAfter: 400 }, { allowEIO3: true })
      const honest = await fixture.client({ transports: ['polling'] })
      const url = `${fixture.url}/socket.io/?EIO=${protocol}&transport=polling`
      const opened = await (await fetch(url)).text()
      const { sid } = JSON.parse(opened.slice(opened.indexOf('{'))) as { sid: string }
      const post = (packet: string) => {
        const body = protocol === 3 ? `${packet.length}:${packet}` : packet
        return fetch(`${url}&sid=${sid}`, { method: 'POST', body }).catch(() => {})
      }
      const closed = once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
      await post('40')
      const beating = setInterval(() => void post(protocol === 3 ? '2' : '3'), 50)
      open.push({ close: () => clearInterval(beating) })
      expect((await closed)[0].code).to.equal('stalled')
      expect(honest.connected).to.equal(true)
    })
  }

  it('but for the first close the client, whatever its heartbeats', async () => {
    const fixture = await start({ stallAfter: 400 })
    const session = await PollingSession.open(fixture)
    const closed = once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
    const beating = setInterval(() => void session.post('3').catch(() => {}), 50)
    open.push({ close: () => clearInterval(beating) })
    expect((await closed)[0].code).to.equal('stalled')
  })
})
