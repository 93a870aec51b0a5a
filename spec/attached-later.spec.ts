import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect } from 'chai'
import type { Server, ServerOptions, Socket } from 'socket.io'
import type { Socket as ClientSocket } from 'socket.io-client'
import { attach } from '../lib/attach.ts'
import type { Spillway } from '../lib/spillway.ts'
import type { SpillwayOptions } from '../lib/spillway-options.ts'
import { BOUNDLESS, choke, starve } from './support/clients/flood.ts'
import { PollingSession } from './support/clients/upgrades.ts'
import { messages, pad } from './support/messages.ts'
import { eventually, type Fixture, ROOMY, startServer } from './support/servers/server.ts'

/** A server that was attached to before its clients came, or after, or never. */
const WAYS = ['plain', 'before', 'after'] as const
type Way = (typeof WAYS)[number]

const namespaces = new Map<string | RegExp, typeof messages>([
  ['/lobby', messages],
  [/^\/table-\d$/, messages],
])

const POLLING = '/socket.io/?EIO=4&transport=polling'

describe('Attached to a server that has clients', () => {
  const open: Array<{ close(): unknown }> = []

  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  async function start(
    way: Way,
    options: SpillwayOptions = {},
    serverOptions: Partial<ServerOptions> = {},
  ): Promise<Fixture> {
    const given = { messages, namespaces, ...options }
    const fixture = await startServer(way === 'before' ? given : 'plain', serverOptions)
    open.push(fixture)
    return fixture
  }

  /** Attaches, if that was not done before the clients came. */
  function attachTo(fixture: Fixture, options: SpillwayOptions = {}): Spillway {
    if (fixture.spillway) return fixture.spillway
    const spillway = attach(fixture.io, {
      messages,
      namespaces,
      watermarks: ROOMY,
      ...options,
    }) as Spillway
    open.push(spillway)
    return spillway
  }

  const KINDS: Readonly<Record<string, (fixture: Fixture) => Promise<() => string[]>>> = {
    'a WebSocket': (fixture) => follow(fixture.client()),
    polling: (fixture) => follow(fixture.client({ transports: ['polling'] })),
    'an upgraded connection': async (fixture) => {
      const client = await fixture.client({ transports: ['polling', 'websocket'] })
      await eventually(() => client.io.engine.transport.name === 'websocket')
      return follow(client)
    },
    'a namespace': (fixture) => follow(fixture.client({}, '/lobby')),
    'a dynamic namespace': (fixture) => follow(fixture.client({}, '/table-7')),
    'protocol 3': async (fixture) => {
      const client = await fixture.raw({ query: '&EIO=3', joins: [] })
      await client.until(() => client.frames.includes('40'))
      return () => client.events
    },
  }

  async function follow(connected: ClientSocket | Promise<ClientSocket>): Promise<() => string[]> {
    const client = await connected
    const events: string[] = []
    client.onAny((event: string) => events.push(event))
    return () => events
  }

  for (const recovery of [false, true]) {
    for (const [kind, connect] of Object.entries(KINDS)) {
      it(`${kind} is sent what plain sends it, ${recovery ? 'with' : 'without'} recovery`, async () => {
        for (const way of WAYS) {
          const server = recovery ? { connectionStateRecovery: {} } : {}
          const fixture = await start(way, {}, { allowEIO3: true, ...server })
          const { io } = fixture
          io.of('/lobby')
          io.of(/^\/table-\d$/)
          const events = await connect(fixture)
          if (way === 'after') attachTo(fixture)
          const namespaces = ['/', '/lobby', '/table-7'].filter((name) => hasNamespace(io, name))
          const emitted = ['reel:frame', 'odds:now', 'jackpot:won', 'reel:frame', 'anything']
          for (const event of emitted) {
            for (const name of namespaces) io.of(name).emit(event, { n: 1, table: 'a' })
            await new Promise((resolve) => setImmediate(resolve))
          }
          await eventually(() => events().length === emitted.length)
          expect(events(), way).to.deep.equal(emitted)
        }
      })
    }
  }

  it('knows who is in which namespace and room, and since when', async () => {
    const seen: unknown[] = []
    for (const way of ['before', 'after'] as const) {
      const fixture = await start(way, {}, { allowEIO3: true })
      const { io } = fixture
      io.of('/lobby')
      const first = await fixture.raw()
      await first.join('/lobby')
      const second = await fixture.client({ transports: ['polling'] }, '/lobby')
      await fixture.raw({ query: '&EIO=3', joins: [] })
      const [main] = io.sockets.sockets.values()
      main!.join('vip')
      const ofSecond = io.of('/lobby').sockets.get(second.id!)!
      ofSecond.join('vip')
      await eventually(() => io.sockets.sockets.size === 2)
      // long before it is attached to
      for (const namespace of [io.sockets, io.of('/lobby')]) {
        for (const { handshake } of namespace.sockets.values()) {
          Object.assign(handshake, { issued: Date.now() - 60_000 })
        }
      }
      const spillway = attachTo(fixture)
      const count = async (query: object) => (await spillway.list(query)).total
      const names = (id: string) => Object.keys(spillway.client(id)!.sockets)
      seen.push({
        main: await count({ namespace: '/' }),
        lobby: await count({ namespace: '/lobby' }),
        vip: await count({ room: 'vip' }),
        vipInMain: await count({ namespace: '/', room: 'vip' }),
        nobody: await count({ room: 'nobody' }),
        first: names(main!.id),
        second: names(second.id!),
      })
      expect(spillway.client(second.id!)!.sockets).to.deep.equal({ '/lobby': second.id })
      if (way === 'after') {
        const ages = [...spillway.clients()].map(({ connectedFor }) => connectedFor)
        for (const age of ages) expect(age).to.be.within(60_000, 70_000)
      }
      ofSecond.leave('vip')
      main!.disconnect()
      expect(await count({ room: 'vip' })).to.equal(0)
    }
    expect(seen[1]).to.deep.equal(seen[0])
    expect(seen[0]).to.include({ main: 2, lobby: 2, vip: 2, vipInMain: 1, nobody: 0 })
  })

  it('tells what is shed for them and closed, by their real sockets', async () => {
    for (const way of ['before', 'after'] as const) {
      const told: Array<[string, Socket, unknown]> = []
      const options: SpillwayOptions = {
        gapEvent: 'gap',
        onShed: (socket, { conflated }) => told.push(['shed', socket, conflated]),
        onClosed: (socket, { code }) => told.push(['closed', socket, code]),
      }
      const fixture = await start(way, options)
      const client = await fixture.raw()
      const [socket] = fixture.io.sockets.sockets.values()
      const spillway = attachTo(fixture, options)
      starve(fixture, client)
      for (let n = 0; n < 5; n++) fixture.io.emit('odds:now', { table: 'a', n })
      client.resume()
      await client.until(() => client.received('gap').length === 1)
      expect(told).to.deep.equal([['shed', socket, 4]])
      spillway.terminate(socket!.id)
      await eventually(() => told.length === 2)
      expect(told[1]).to.deep.equal(['closed', socket, 'terminated'])
    }
  })

  it('lets them join further namespaces while nobody new is let in', async () => {
    for (const way of ['before', 'after'] as const) {
      const options = { watermarks: BOUNDLESS }
      const fixture = await start(way, options)
      fixture.io.of('/lobby')
      const held = await fixture.raw()
      const client = await fixture.raw()
      const spillway = attachTo(fixture, options)
      await choke({ ...fixture, spillway }, held)
      const done = spillway.shutdown({ deadline: 60_000, spread: 60_000 })
      await client.join('/lobby')
      expect((await fetch(fixture.url + POLLING)).status).to.equal(503)
      spillway.close()
      await done
    }
  })

  it('one whose middleware is under way joins as any other', async () => {
    for (const way of ['before', 'after'] as const) {
      const fixture = await start(way, {}, { connectionStateRecovery: {} })
      let pass = (): void => {}
      const asked = new Promise<void>((resolve) => {
        fixture.io.use((_socket, next) => {
          pass = next
          resolve()
        })
      })
      const client = await fixture.raw({ joins: ['40'] })
      await asked
      const spillway = attachTo(fixture)
      pass()
      await client.until(() => client.frames.some((frame) => String(frame).startsWith('40{')))
      fixture.io.emit('reel:frame', { n: 1 })
      await client.until(() => client.received('reel:frame').length === 1)
      expect((await spillway.list({ namespace: '/' })).total).to.equal(1)
    }
  })

  it('in the middle of an upgrade nothing is lost and the order kept', async () => {
    for (const way of WAYS) {
      const fixture = await start(way)
      const { sid } = await PollingSession.open(fixture)
      const client = await fixture.raw({ query: `&sid=${sid}`, joins: ['2probe'] })
      await client.until(() => client.frames.includes('3probe'))
      fixture.io.emit('jackpot:won', { n: 1 })
      const spillway = way === 'plain' ? undefined : attachTo(fixture)
      fixture.io.emit('jackpot:won', { n: 2 })
      fixture.io.emit('reel:frame', { n: 3 })
      client.send('5')
      await client.until(() => client.events.length === 3)
      fixture.io.emit('reel:frame', { n: 4 })
      await client.until(() => client.events.length === 4)
      const expected = ['jackpot:won', 'jackpot:won', 'reel:frame', 'reel:frame']
      expect(client.events, way).to.deep.equal(expected)
      if (spillway) expect([...spillway.clients()][0]).to.include({ transport: 'websocket' })
    }
  })

  for (const pending of [false, true]) {
    it(`over polling, ${pending ? 'with a poll that waits' : 'between two polls'}`, async () => {
      for (const way of WAYS) {
        const fixture = await start(way)
        const session = await PollingSession.open(fixture)
        const [socket] = fixture.io.sockets.sockets.values()
        const { transport } = socket!.conn
        let poll: Promise<string> | undefined
        if (pending) {
          poll = session.poll()
          await eventually(() => transport.writable)
        } else socket!.emit('jackpot:won', { n: 1, pad })
        const spillway = way === 'plain' ? undefined : attachTo(fixture)
        // what Engine.IO holds back was there before
        const buffered = spillway?.client(socket!.id)?.buffered ?? 0
        if (spillway) expect(buffered > pad.length).to.equal(!pending)
        socket!.emit('reel:frame', { n: 2 })
        socket!.emit('jackpot:won', { n: 3 })
        let text = ''
        // what is cosmetic may come by a later poll
        while (!text.includes('"n":3') || !text.includes('"n":2')) {
          text += await (poll ?? session.poll())
          poll = undefined
        }
        const numbers = [...text.matchAll(/"n":(\d)/g)].map(([, n]) => Number(n))
        expect(numbers, way).to.have.members(pending ? [2, 3] : [1, 2, 3])
        expect(numbers.filter((n) => n !== 2)).to.deep.equal(pending ? [3] : [1, 3])
      }
    })
  }

  it('counts what its connection and its kernel socket held before', async () => {
    const fixture = await start('after')
    const client = await fixture.raw()
    client.stall()
    const [socket] = fixture.io.sockets.sockets.values()
    const ws = () => Reflect.get(socket!.conn.transport, 'socket') as { bufferedAmount: number }
    let emitted = 0
    while (ws().bufferedAmount === 0) {
      socket!.emit('jackpot:won', { n: emitted++, pad: pad.repeat(100) })
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (const end = emitted + 5; emitted < end; ) {
      socket!.emit('jackpot:won', { n: emitted++, pad: pad.repeat(100) })
    }
    const held = ws().bufferedAmount
    const spillway = attachTo(fixture, { watermarks: BOUNDLESS })
    const { buffered, outstanding } = spillway.client(socket!.id)!
    expect(buffered).to.be.greaterThan(held + 5 * 100 * pad.length)
    expect(outstanding).to.equal(buffered)
    // its memory is a little more
    expect(spillway.readings.sizes.held).to.be.within(buffered, buffered + 1000)
    expect(spillway.readings.sizes.watched).to.equal(1)
    fixture.io.emit('reel:frame', { n: emitted })
    client.resume()
    await client.until(() => client.received('jackpot:won').length === emitted)
    await eventually(() => spillway.client(socket!.id)!.buffered === 0)
    await eventually(
      () => spillway.readings.sizes.held === 0 && spillway.readings.sizes.watched === 0,
    )
    const numbers = client.received<{ n: number }>('jackpot:won').map(({ n }) => n)
    expect(numbers).to.deep.equal([...Array(emitted).keys()])
  })

  it('shows one that is closing as closed, and sends it nothing', async () => {
    for (const way of ['before', 'after'] as const) {
      const fixture = await start(way)
      const url = fixture.url + POLLING
      const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1))
      await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '40' })
      await (await fetch(`${url}&sid=${sid}`)).text()
      const [socket] = fixture.io.sockets.sockets.values()
      socket!.conn.close()
      const spillway = attachTo(fixture)
      fixture.io.emit('jackpot:won', { n: 1, pad })
      const [client] = spillway.clients()
      expect(client).to.include({ state: 'closed' })
      expect(client!.buffered).to.be.below(pad.length)
      spillway.terminate(client!.id)
      await eventually(() => fixture.io.engine.clientsCount === 0)
    }
  })

  it('takes nobody for blind by the first heartbeat, which was written before', async () => {
    const fixture = await start('after')
    const client = await fixture.raw()
    const [socket] = fixture.io.sockets.sockets.values()
    const spillway = attachTo(fixture)
    // the answer to its marker follows that to the heartbeat
    socket!.conn.once('packet', () => fixture.io.emit('jackpot:won', { n: 1 }))
    client.send('3')
    await once(socket!.conn, 'heartbeat')
    expect(spillway.client(socket!.id)!.state).to.not.equal('blind')
  })

  it('again and again, with other messages, leaves nothing and loses nothing', async () => {
    const fixture = await start('after')
    const clients = [
      await fixture.client(),
      await fixture.client({ transports: ['polling'] }),
      await fixture.client({ transports: ['polling', 'websocket'] }),
    ]
    await eventually(() => clients[2]!.io.engine.transport.name === 'websocket')
    const numbers: number[][] = clients.map(() => [])
    clients.forEach((client, index) => {
      client.on('jackpot:won', ({ n }: { n: number }) => numbers[index]!.push(n))
    })
    const sockets = [...fixture.io.sockets.sockets.values()]
    const shapes = () =>
      [fixture.io, fixture.io.engine, ...sockets.flatMap(({ conn }) => [conn, conn.transport])].map(
        (emitter) =>
          emitter.eventNames().map((name) => [name, emitter.listenerCount(name as never)]),
      )
    const { 'jackpot:won': won } = messages
    let before: unknown
    for (let round = 0; round < 100; round++) {
      const map = round % 2 === 0 ? messages : { 'jackpot:won': won }
      const spillway = attach(fixture.io, { messages: map, watermarks: ROOMY })
      fixture.io.emit('jackpot:won', { n: round })
      if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
      expect((await spillway.list({ namespace: '/' })).total).to.equal(3)
      spillway.close()
      // Engine.IO's own listeners for what it still holds back come and go
      await eventually(() => sockets.every(({ conn }) => !Reflect.get(conn, 'writeBuffer').length))
      before ??= shapes()
      expect(shapes()).to.deep.equal(before)
    }
    await eventually(() => numbers.every((each) => each.length === 100))
    for (const each of numbers) expect(each).to.deep.equal([...Array(100).keys()])
  })

  it('lets go of one whose kernel socket is full, which stays and receives everything', async () => {
    const fixture = await start('before', { watermarks: BOUNDLESS })
    const client = await fixture.raw()
    const other = await fixture.raw()
    await choke(fixture, client)
    fixture.io.emit('jackpot:won', { n: 1 })
    fixture.spillway!.close()
    const spillway = attachTo({ ...fixture, spillway: undefined }, { watermarks: BOUNDLESS })
    const [socket] = fixture.io.sockets.sockets.values()
    expect(spillway.client(socket!.id)!.outstanding).to.be.greaterThan(16_000)
    fixture.io.emit('jackpot:won', { n: 2 })
    client.resume()
    await client.until(() => client.received('jackpot:won').length === 2 || !client.open)
    expect(client.open).to.equal(true)
    expect(client.received('jackpot:won')).to.deep.equal([{ n: 1 }, { n: 2 }])
    await eventually(() => spillway.client(socket!.id)!.outstanding === 0)
    expect(other.received('jackpot:won')).to.deep.equal([{ n: 1 }, { n: 2 }])
  })

  it('knows those who came by another HTTP server, to which it was attached before', async () => {
    for (const way of ['before', 'after'] as const) {
      const fixture = await start(way, {}, { connectionStateRecovery: {} })
      const client = await fixture.client()
      const events = await follow(client)
      const http = createServer()
      open.push(http, fixture.http)
      fixture.io.attach(http)
      const spillway = attachTo(fixture)
      expect((await spillway.list({ namespace: '/' })).total).to.equal(1)
      fixture.io.emit('reel:frame', { n: 1 })
      fixture.io.emit('jackpot:won', { n: 1 })
      await eventually(() => events().length === 2)
      expect(events()).to.deep.equal(['reel:frame', 'jackpot:won'])
    }
  })

  it('knows the clients of each of two servers', async () => {
    const fixtures = [await start('after'), await start('after')]
    for (const fixture of fixtures) await fixture.raw()
    const spillways = fixtures.map((fixture) => attachTo(fixture))
    for (const [index, spillway] of spillways.entries()) {
      const { clients } = await spillway.list({ namespace: '/' })
      const ids = [...fixtures[index]!.io.sockets.sockets.keys()]
      expect(clients.map(({ sockets }) => sockets['/'])).to.deep.equal(ids)
    }
  })
})

function hasNamespace(io: Server, name: string): boolean {
  return (Reflect.get(io, '_nsps') as Map<string, unknown>).has(name)
}
