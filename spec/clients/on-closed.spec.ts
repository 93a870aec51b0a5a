import { expect } from 'chai'
import Fastify from 'fastify'
import type { ServerOptions, Socket } from 'socket.io'
import { attach } from '../../lib/attach.ts'
import type { ClosingCode } from '../../lib/base/outcomes.ts'
import spillwayPlugin from '../../lib/plugin.ts'
import type { Spillway } from '../../lib/spillway.ts'
import type { SpillwayOptions } from '../../lib/spillway-options.ts'
import type { ClosedSummary } from '../../lib/telemetry/undelivered.ts'
import { BOUNDLESS, choke, starve } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { type AppFixture, listen, startApp } from '../support/servers/app.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'
import '../support/rejections.ts'

/** A way in which a client leaves. */
interface Way {
  readonly way: string
  leave(fixture: Fixture, client: RawClient): unknown
  /** Its namespace only: the connection stays, with what is queued on it. */
  readonly stays?: boolean
  readonly code?: ClosingCode
  readonly server?: Partial<ServerOptions>
  /** Plain Socket.IO has no such way. */
  readonly own?: boolean
}

const socketIn = ({ io }: Fixture): Socket => [...io.sockets.sockets.values()][0]!

const WAYS: readonly Way[] = [
  { way: 'socket.disconnect()', leave: (at) => socketIn(at).disconnect(), stays: true },
  { way: 'socket.disconnect(true)', leave: (at) => socketIn(at).disconnect(true), stays: true },
  { way: 'io.disconnectSockets()', leave: ({ io }) => io.disconnectSockets(), stays: true },
  { way: 'io.disconnectSockets(true)', leave: ({ io }) => io.disconnectSockets(true), stays: true },
  { way: 'a DISCONNECT of the client', leave: (_, client) => client.send('41'), stays: true },
  { way: 'the end of its transport', leave: (_, client) => client.close() },
  {
    way: 'a ping timeout',
    leave: (_, client) => client.stall(),
    server: { pingInterval: 300, pingTimeout: 300 },
  },
  { way: 'a packet that Engine.IO does not know', leave: (_, client) => client.send('x') },
  {
    way: 'a packet that Socket.IO does not know',
    leave: (_, client) => client.send('4x'),
    stays: true,
  },
  { way: 'conn.close()', leave: (at) => socketIn(at).conn.close(), stays: true },
  { way: 'conn.close(true)', leave: (at) => socketIn(at).conn.close(true) },
  { way: 'io.close()', leave: ({ io }) => io.close() },
  { way: 'io.engine.close()', leave: ({ io }) => io.engine.close() },
  {
    way: 'terminate()',
    leave: (at) => at.spillway!.terminate(socketIn(at).id),
    code: 'terminated',
    own: true,
  },
  {
    way: 'shutdown()',
    leave: ({ spillway }) => spillway!.shutdown({ deadline: 100 }),
    code: 'shutdown',
    own: true,
  },
]

type Told = [socket: Socket, summary: ClosedSummary]

describe('onClosed', () => {
  const open: Array<{ close(): unknown }> = []

  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  async function start(options: SpillwayOptions | 'plain', server?: Partial<ServerOptions>) {
    const given = options === 'plain' ? options : { messages, watermarks: BOUNDLESS, ...options }
    const fixture = await startServer(given, server)
    open.push(fixture)
    return fixture
  }

  /** With a client, which may have come before the server was attached to. */
  async function startWith(
    onClosed: NonNullable<SpillwayOptions['onClosed']>,
    server: Partial<ServerOptions> | undefined,
    later: boolean,
  ) {
    const plain = await start(later ? 'plain' : { onClosed }, server)
    const client = await plain.raw()
    if (!later) return { fixture: plain, client }
    const spillway = attach(plain.io, { messages, watermarks: BOUNDLESS, onClosed }) as Spillway
    open.push(spillway)
    return { fixture: { ...plain, spillway }, client }
  }

  for (const { way, leave, stays = false, code = 'gone', server, own } of WAYS) {
    for (const later of [false, true]) {
      const whose = later ? ', attached to later' : ''
      it(`is called for ${way}, once, after its \`disconnect\`${whose}`, async () => {
        const told: Told[] = []
        const order: unknown[] = []
        const onClosed = (...args: Told) => {
          told.push(args)
          order.push('onClosed')
        }
        const { fixture, client } = await startWith(onClosed, server, later)
        const socket = socketIn(fixture)
        await choke(fixture, client)
        for (let n = 0; n < 3; n++) fixture.io.emit('jackpot:won', { n })
        fixture.io.emit('reel:frame', { n: 3 })
        socket.on('disconnect', () => order.push('disconnect'))
        const left = leave(fixture, client)
        await eventually(() => order.length > 0 || stays)
        // of a client that reads nothing, what is queued stays until its connection ends
        if (stays) client.close()
        await eventually(() => told.length === 1 && order.length === 2)
        expect(order).to.deep.equal(['disconnect', 'onClosed'])
        const [[whose, summary]] = told as [Told]
        expect(whose).to.equal(socket)
        expect(summary.code).to.equal(code)
        expect(summary.events).to.include({ 'jackpot:won': 3 })
        client.close()
        await left
        await eventually(() => fixture.spillway!.readings.sizes.clients === 0)
        expect(told).to.have.length(1)
        const { critical } = fixture.spillway!.stats().classes
        const { undelivered } = fixture.spillway!.closed()[0]!
        expect(summary.messages).to.equal(undelivered.messages)
        expect(critical.undelivered.messages).to.be.at.least(3)
      })
    }

    if (own) continue
    it(`and its reason is that of plain Socket.IO, for ${way}`, async () => {
      const reasons: string[] = []
      for (const options of ['plain', {}] as const) {
        const fixture = await start(options, server)
        const client = await fixture.raw()
        socketIn(fixture).on('disconnect', (reason) => reasons.push(reason))
        const { length } = reasons
        leave(fixture, client)
        await eventually(() => reasons.length > length)
      }
      expect(reasons).to.have.length(2)
      expect(reasons[1]).to.equal(reasons[0])
    })
  }

  it('is not called for a client that leaves with nothing queued, in any way', async () => {
    for (const { leave, own, server } of WAYS) {
      if (own) continue
      let called = 0
      const fixture = await start({ onClosed: () => called++ }, server)
      const client = await fixture.raw()
      const socket = socketIn(fixture)
      const gone = new Promise((resolve) => socket.once('disconnect', resolve))
      await leave(fixture, client)
      await gone
      client.close()
      await eventually(() => fixture.spillway!.readings.sizes.clients === 0)
      await fixture.spillway!.settled()
      expect(called).to.equal(0)
    }
  })

  it('is not called for a socket that left its namespace with something that was sent then', async () => {
    const told: Told[] = []
    const fixture = await start({ onClosed: (...args) => told.push(args), watermarks: {} })
    const client = await fixture.raw()
    await client.join('/')
    const socket = socketIn(fixture)
    starve(fixture, client)
    for (let n = 0; n < 3; n++) fixture.io.emit('reel:frame', { n, pad })
    expect(fixture.spillway!.queue(socket.id)!.lanes.cosmetic.messages).to.equal(3)
    socket.disconnect()
    client.resume()
    await client.until(() => client.frames.includes('41'))
    expect(client.received('reel:frame')).to.have.length(3)
    client.close()
    await eventually(() => fixture.spillway!.readings.sizes.clients === 0)
    await fixture.spillway!.settled()
    expect(told).to.deep.equal([])
  })

  it('is called once for each namespace, with its own part', async () => {
    const told: Told[] = []
    const namespaces = { '/lobby': messages, '/empty': messages }
    const fixture = await start({ namespaces, onClosed: (...args) => told.push(args) })
    const { io } = fixture
    for (const name of Object.keys(namespaces)) io.of(name)
    const client = await fixture.raw()
    for (const name of Object.keys(namespaces)) await client.join(name)
    const sockets = ['/', '/lobby', '/empty'].map((name) => [...io.of(name).sockets.values()][0]!)
    await choke(fixture, client)
    io.emit('jackpot:won', { n: 1 })
    for (let n = 0; n < 2; n++) io.of('/lobby').emit('jackpot:won', { n })
    fixture.spillway!.terminate(sockets[0]!.id)
    await eventually(() => told.length === 3)
    expect(told.map(([socket]) => socket)).to.deep.equal(sockets)
    const [main, lobby, empty] = told.map(([, summary]) => summary)
    expect(main!.events).to.include({ 'jackpot:won': 1 })
    expect(lobby!.events).to.deep.equal({ 'jackpot:won': 2 })
    expect(empty).to.include({ messages: 0, bytes: 0, code: 'terminated' })
  })

  it('tells those who left before from who came after them to the same namespace', async () => {
    for (const leave of ['server', 'client'] as const) {
      const told: Told[] = []
      const fixture = await start({
        namespaces: { '/lobby': messages },
        onClosed: (...args) => told.push(args),
      })
      const lobby = fixture.io.of('/lobby')
      const client = await fixture.raw()
      await client.join('/lobby')
      await choke(fixture, client)
      const [first] = lobby.sockets.values()
      lobby.emit('jackpot:won', { n: 1 })
      const gone = new Promise((resolve) => first!.once('disconnect', resolve))
      if (leave === 'server') first!.disconnect()
      else client.send('41/lobby,')
      await gone
      client.send('40/lobby,')
      await eventually(() => lobby.sockets.size === 1)
      const [second] = lobby.sockets.values()
      for (let n = 2; n < 5; n++) lobby.emit('jackpot:won', { n })
      client.close()
      await eventually(() => told.length === 3)
      const part = (socket: Socket) => told.find(([whose]) => whose === socket)![1].events
      expect(part(first!)).to.include({ 'jackpot:won': 1 })
      expect(part(second!)).to.include({ 'jackpot:won': 3 })
      expect(part(first!)['jackpot:won']).to.equal(1)
    }
  })

  for (const [way, leave] of Object.entries({
    'socket.disconnect(true)': (at: Fixture) => socketIn(at).disconnect(true),
    'conn.close(true)': (at: Fixture) => socketIn(at).conn.close(true),
    'terminate()': (at: Fixture) => at.spillway!.terminate(socketIn(at).id),
    'io.close()': ({ io }: Fixture) => io.close(),
  })) {
    it(`is called for ${way} between two polls`, async () => {
      const told: Told[] = []
      const fixture = await start({ watermarks: {}, onClosed: (...args) => told.push(args) })
      const url = `${fixture.url}/socket.io/?EIO=4&transport=polling`
      const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1))
      await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '40' })
      await (await fetch(`${url}&sid=${sid}`)).text()
      const socket = socketIn(fixture)
      // more than is handed over at once
      for (let n = 0; n < 100; n++) fixture.io.emit('jackpot:won', { n, pad })
      const waiting = fixture.spillway!.queue(socket.id)!.lanes.critical.messages
      expect(waiting).to.be.greaterThan(0)
      void leave(fixture)
      // one that is closed in good order is waited for, for a while
      const [client] = fixture.spillway!.clients()
      if (client) fixture.spillway!.terminate(client.id)
      await eventually(() => told.length === 1)
      expect(told[0]![0]).to.equal(socket)
      const { critical } = fixture.spillway!.stats().classes
      expect(told[0]![1].messages).to.equal(critical.undelivered.messages)
      expect(told[0]![1].events['jackpot:won']).to.be.within(1, waiting)
    })
  }

  it('is called for one that is being closed when the handle is', async () => {
    const told: Told[] = []
    const fixture = await start({ onClosed: (...args) => told.push(args) })
    const client = await fixture.raw()
    const socket = socketIn(fixture)
    await choke(fixture, client)
    fixture.io.emit('reel:frame', { n: 1 })
    socket.conn.close()
    fixture.spillway!.close()
    await eventually(() => told.length === 1)
    expect(told[0]![0]).to.equal(socket)
    expect(told[0]![1]).to.deep.include({ code: 'gone', events: { 'reel:frame': 1 } })
  })

  describe('and a shutdown', () => {
    /** With a client that reads nothing. */
    async function startApp_(
      onClosed: (socket: Socket, summary: ClosedSummary) => unknown,
      deadline: number,
      hook: () => void = () => {},
    ): Promise<AppFixture & { readonly reader: RawClient }> {
      const options = { messages, watermarks: BOUNDLESS, onClosed, shutdown: { deadline } }
      const fixture = await startApp(options, (app) => {
        app.addHook('onClose', async () => hook())
      })
      open.push(fixture)
      const reader = await fixture.raw()
      await choke(fixture, reader)
      fixture.io.emit('jackpot:won', { n: 1 })
      return { ...fixture, reader }
    }

    for (const ending of ['app.close()', 'shutdown()', 'a client that has just left'] as const) {
      it(`is waited for by ${ending}, its promise too`, async () => {
        const order: string[] = []
        let finish = (): void => {}
        const fixture = await startApp_(
          () => {
            order.push('called')
            return new Promise<void>((resolve) => {
              finish = () => {
                order.push('settled')
                resolve()
              }
            })
          },
          ending === 'a client that has just left' ? 60_000 : 100,
          () => order.push('onClose hook'),
        )
        // before the deadline
        if (ending !== 'a client that has just left') {
          fixture.spillway!.terminate(socketIn(fixture).id)
        } else {
          socketIn(fixture).conn.close(true)
          // its kernel socket would be waited for, too
          fixture.reader.close()
        }
        const done = (
          ending === 'shutdown()'
            ? fixture.spillway!.shutdown({ deadline: 60_000 })
            : fixture.app.close()
        ).then(() => order.push('done'))
        await eventually(() => order.length > 0)
        await new Promise((resolve) => setImmediate(resolve))
        expect(order).to.deep.equal(['called'])
        finish()
        await done
        const hooks = ending === 'shutdown()' ? [] : ['onClose hook']
        expect(order).to.deep.equal(['called', 'settled', ...hooks, 'done'])
      })
    }

    it('is waited for by an app that closes, though its clients are those of another server', async () => {
      const order: string[] = []
      let finish = (): void => {}
      const plain = await start('plain')
      const onClosed = () =>
        new Promise<void>((resolve) => {
          order.push('called')
          finish = () => {
            order.push('settled')
            resolve()
          }
        })
      let begin = (): void => {}
      const begun = new Promise<void>((resolve) => {
        begin = resolve
      })
      const { app } = await startApp({ io: plain.io, messages, onClosed }, (app) => {
        app.addHook('preClose', async () => begin())
        app.addHook('onClose', async () => void order.push('onClose hook'))
      })
      await plain.raw()
      app.spillway.terminate(socketIn(plain).id)
      await eventually(() => order.length > 0)
      const closed = app.close()
      await begun
      // one turn would do for what does not wait
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
      expect(order).to.deep.equal(['called'])
      finish()
      await closed
      expect(order).to.deep.equal(['called', 'settled', 'onClose hook'])
    })

    it('is called for those whom the deadline ends, before it is over', async () => {
      const order: string[] = []
      const fixture = await startApp_(
        () => {
          order.push('called')
          // longer than the deadline: it is not waited for
          return new Promise(() => {})
        },
        100,
        () => order.push('onClose hook'),
      )
      await fixture.app.close()
      expect(order).to.deep.equal(['called', 'onClose hook'])
    })

    it('is waited for, its promise too, of those whom the deadline ends', async () => {
      const order: string[] = []
      const app = Fastify()
      await app.register(spillwayPlugin, {
        messages,
        watermarks: BOUNDLESS,
        shutdown: { deadline: 500 },
        async onClosed() {
          order.push('called')
          await new Promise((resolve) => setTimeout(resolve, 50))
          order.push('settled')
        },
      })
      // what is added last is called first
      app.addHook('onClose', async () => void order.push('onClose hook'))
      const fixture = await listen(app)
      open.push(fixture)
      await choke(fixture, await fixture.raw())
      fixture.io.emit('jackpot:won', { n: 1 })
      await app.close()
      expect(order).to.deep.equal(['called', 'settled', 'onClose hook'])
    })

    it('is not waited for beyond the deadline', async () => {
      const fixture = await startApp_(() => new Promise(() => {}), 100)
      fixture.spillway!.terminate(socketIn(fixture).id)
      await eventually(() => fixture.io.engine.clientsCount === 0)
      await fixture.spillway!.shutdown()
    })

    it('reports what it rejects with, and goes on', async () => {
      const faults: string[] = []
      const fixture = await startApp_(async () => {
        throw new Error('of the application')
      }, 60_000)
      fixture.app.spillway.events.on('fault', (where, { message }) => {
        faults.push(`${where}: ${message}`)
      })
      fixture.spillway!.terminate(socketIn(fixture).id)
      await fixture.app.close()
      expect(faults).to.deep.equal(['onClosed: of the application'])
    })
  })
})
