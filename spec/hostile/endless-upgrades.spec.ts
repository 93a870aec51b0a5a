import { once } from 'node:events'
import { expect } from 'chai'
import type { ClosedClient } from '../../schemas/stats.ts'
import { HostileSocket, requestOf, UPGRADE } from '../support/clients/hostile-socket.ts'
import { EndlessUpgrades, PollingSession } from '../support/clients/upgrades.ts'
import { messages, pad } from '../support/messages.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const KiB = 1024
const UPGRADE_TIMEOUT = 300
const STALL_AFTER = 400
const watermarks = { low: 16 * KiB, high: 32 * KiB, limit: 64 * KiB, emergency: 65_536 * KiB }
const server = { upgradeTimeout: UPGRADE_TIMEOUT }

/** What a client says that asks for an upgrade and never goes through with it. */
const PROBES = { 'says nothing': [], probes: ['2probe'] }

describe('A client with an upgrade under way for ever', () => {
  const open: Array<{ close(): unknown }> = []

  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  async function start(options: object): Promise<Fixture> {
    const fixture = await startServer(
      { messages, watermarks, stallAfter: STALL_AFTER, grace: 0, ...options },
      server,
    )
    open.push(fixture)
    return fixture
  }

  async function upgrades(fixture: Fixture, sid: string, says: readonly string[] = []) {
    const endless = new EndlessUpgrades(fixture, sid, says)
    open.push({ close: () => endless.stop() })
    // Engine.IO ends an attempt after UPGRADE_TIMEOUT
    await endless.start(UPGRADE_TIMEOUT / 2)
    return endless
  }

  function backlog({ io }: Fixture, room: string, bytes: number): void {
    for (let sent = 0; sent < bytes; sent += pad.length)
      io.to(room).emit('jackpot:won', { n: 1, pad })
  }

  const roomOf = ({ io }: Fixture, sid: string): string =>
    [...io.sockets.sockets.values()].find(({ conn }) => Reflect.get(conn, 'id') === sid)!.id

  /** Honest clients beside it, over each transport and by way of an upgrade. */
  async function honest(fixture: Fixture): Promise<() => void> {
    const ways = [['websocket'], ['polling'], ['polling', 'websocket']]
    const clients = await Promise.all(ways.map((transports) => fixture.client({ transports })))
    await eventually(() => clients[2]!.io.engine.transport.name === 'websocket')
    return () => {
      expect(clients.map(({ connected }) => connected)).to.deep.equal([true, true, true])
    }
  }

  for (const [does, says] of Object.entries(PROBES)) {
    for (const [code, bytes] of [
      ['over-limit', 128 * KiB],
      ['stalled', KiB],
    ] as const) {
      it(`and that ${does} is closed as ${code}, over polling`, async () => {
        const fixture = await start({})
        const areThere = await honest(fixture)
        const { sid } = await PollingSession.open(fixture)
        await upgrades(fixture, sid, says)
        const closed = once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
        backlog(fixture, roomOf(fixture, sid), bytes)
        expect((await closed)[0].code).to.equal(code)
        areThere()
      })
    }
  }

  it('is closed as over-limit, over a WebSocket that asks for another one', async () => {
    const fixture = await start({ watermarks: { ...watermarks, limit: 8192 * KiB } })
    const areThere = await honest(fixture)
    const client = await fixture.raw()
    const socket = [...fixture.io.sockets.sockets.values()].at(-1)!
    await upgrades(fixture, Reflect.get(socket.conn, 'id') as string)
    const closed = once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
    client.stall()
    backlog(fixture, socket.id, 16_384 * KiB)
    expect((await closed)[0].code).to.equal('over-limit')
    areThere()
  })

  it('is closed for the budget', async () => {
    const fixture = await start({ budget: 256 * KiB, stallAfter: 60_000 })
    const areThere = await honest(fixture)
    const { sid } = await PollingSession.open(fixture)
    await upgrades(fixture, sid)
    const closed = once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
    backlog(fixture, roomOf(fixture, sid), 1024 * KiB)
    expect((await closed)[0].code).to.equal('budget')
    areThere()
  })

  it('is closed by terminate() with both its connections, over either transport', async () => {
    const fixture = await start({})
    const areThere = await honest(fixture)
    const { sid } = await PollingSession.open(fixture)
    const ofPolling = await upgrades(fixture, sid)
    expect(fixture.spillway!.terminate(roomOf(fixture, sid))).to.equal(true)
    await eventually(() => ofPolling.gone)

    const client = await fixture.raw()
    const socket = [...fixture.io.sockets.sockets.values()].at(-1)!
    const ofWebSocket = await upgrades(fixture, Reflect.get(socket.conn, 'id') as string)
    expect(fixture.spillway!.terminate(socket.id)).to.equal(true)
    await eventually(() => ofWebSocket.gone && !client.open)
    areThere()
    await eventually(() => fixture.spillway!.readings.sizes.strays === 0)
  })

  it('is not closed while the one upgrade that it is excused for may end in time', async () => {
    const fixture = await startServer(
      { messages, watermarks, stallAfter: 300, grace: 0 },
      { upgradeTimeout: 60_000 },
    )
    open.push(fixture)
    const { sid } = await PollingSession.open(fixture)
    const beside = await PollingSession.open(fixture)
    const [socket] = [...fixture.io.sockets.sockets.values()]
    const query = `&sid=${sid}`
    const upgrading = await fixture.raw({ query, joins: ['2probe'] })
    await upgrading.until(() => upgrading.frames.includes('3probe'))
    for (const { id } of fixture.io.sockets.sockets.values()) backlog(fixture, id, 128 * KiB)
    // the same without an upgrade: control, and a measure of the time
    await eventually(() => fixture.spillway!.readings.closings['over-limit'] === 1)
    expect(socket!.connected).to.equal(true)
    upgrading.send('5')
    await upgrading.until(() => upgrading.received('jackpot:won').length > 60)
    expect(beside.sid).not.to.equal(sid)
    expect(socket!.connected).to.equal(true)
  })

  it('keeps no record of sockets that have become a client', async () => {
    const fixture = await start({})
    for (let n = 0; n < 3; n++) {
      const client = await fixture.client({ transports: ['polling', 'websocket'] })
      await eventually(() => client.io.engine.transport.name === 'websocket')
    }
    await eventually(() => fixture.spillway!.readings.sizes.strays === 0)
  })
})

describe('A shutdown ends in time', () => {
  const open: Array<{ close(): unknown }> = []

  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  async function start(): Promise<AppFixture> {
    const fixture = await startApp({ messages, shutdown: { deadline: 300 } })
    open.push(fixture)
    return fixture
  }

  /** A WebSocket that Engine.IO has accepted, and which answers nothing. */
  async function stray({ port }: Fixture, query: string): Promise<HostileSocket> {
    const tcp = await HostileSocket.open(port)
    open.push(tcp)
    tcp.send(requestOf({ query, headers: UPGRADE }))
    await eventually(() => tcp.response.startsWith('HTTP/1.1 101'))
    return tcp
  }

  /** Half a minute is what `ws` waits for the answer to a close: longer than a spec may take. */
  async function closesAll(fixture: AppFixture, strays: readonly HostileSocket[]): Promise<void> {
    await fixture.app.close()
    await eventually(() => strays.every(({ gone }) => gone))
  }

  it('with upgrades under way, and others that were refused meanwhile', async () => {
    const fixture = await start()
    const { sid } = await PollingSession.open(fixture)
    const query = `EIO=4&transport=websocket&sid=${sid}`
    const strays = [await stray(fixture, query), await stray(fixture, query)]
    await closesAll(fixture, strays)
  })

  it('with an upgrade whose client has left', async () => {
    const fixture = await start()
    const session = await PollingSession.open(fixture)
    const strays = [await stray(fixture, `EIO=4&transport=websocket&sid=${session.sid}`)]
    await session.post('1')
    await closesAll(fixture, strays)
  })

  it('with a WebSocket that asks for another transport', async () => {
    const fixture = await start()
    await closesAll(fixture, [await stray(fixture, 'EIO=4&transport=polling')])
  })

  it('with a WebSocket that asks to replace one, which does not read', async () => {
    const fixture = await start()
    const client = await fixture.raw()
    const [socket] = fixture.io.sockets.sockets.values()
    const sid = Reflect.get(socket!.conn, 'id') as string
    const strays = [await stray(fixture, `EIO=4&transport=websocket&sid=${sid}`)]
    client.stall()
    await closesAll(fixture, strays)
  })
})
