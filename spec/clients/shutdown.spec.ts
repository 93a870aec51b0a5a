import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import Fastify, { type FastifyInstance } from 'fastify'
import fastifySocketIo from 'fastify-socket.io'
import { connect, type Socket } from 'socket.io-client'
import { WebSocket } from 'ws'
import spillway from '../../lib/plugin.ts'
import type { SpillwayPluginOptions } from '../../lib/plugin-options.ts'
import { BOUNDLESS, choke, starve } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { type AppFixture, listen, startApp } from '../support/servers/app.ts'
import '../support/rejections.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const HANDSHAKE = '/socket.io/?EIO=4&transport=polling'
const UPGRADE = '/socket.io/?EIO=4&transport=websocket'
/** Longer than a spec may take: what ends before has not waited for it. */
const NEVER = 3_600_000
/** Of a shutdown that somebody holds up. */
const SHORT = 300

const SERVERS: Readonly<Record<string, (app: FastifyInstance) => unknown>> = {
  'of its own': () => {},
  'of fastify-socket.io': (app) => app.register(fastifySocketIo.default),
}

describe('Shutdown', () => {
  const open: Array<{ close(): unknown }> = []

  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  async function start(
    options: SpillwayPluginOptions = {},
    prepare?: (app: FastifyInstance) => unknown,
  ): Promise<AppFixture> {
    const fixture = await startApp({ messages, ...options }, prepare)
    open.push(fixture)
    return fixture
  }

  /** A real client that reconnects by itself, quickly. */
  async function persistent(
    url: string,
    options: { transports?: string[]; namespace?: string } = {},
  ): Promise<Socket> {
    const { transports = ['websocket'], namespace = '' } = options
    const client = connect(url + namespace, {
      transports,
      forceNew: true,
      reconnectionDelay: 20,
      reconnectionDelayMax: 50,
    })
    open.push(client)
    await once(client as never, 'connect')
    return client
  }

  /** A WebSocket that was let in, and has not joined anything. */
  async function bare({ url }: Fixture): Promise<WebSocket> {
    const socket = new WebSocket(url.replace('http', 'ws') + UPGRADE)
    socket.on('error', () => {})
    open.push({ close: () => socket.terminate() })
    await once(socket, 'message')
    return socket
  }

  const disconnected = (client: Socket) =>
    new Promise<string>((resolve) => client.once('disconnect', resolve))

  /** Keeps the shutdown going: reads nothing, and there is something critical for it. */
  async function holdUp(fixture: Fixture) {
    const client = await fixture.raw()
    await choke(fixture, client)
    return client
  }

  for (const [server, prepare] of Object.entries(SERVERS)) {
    describe(`with a server ${server}`, () => {
      it('clients come back by themselves, to a server on the same port', async () => {
        const first = await start({}, prepare)
        const clients = [
          await persistent(first.url),
          await persistent(first.url, { transports: ['polling'] }),
          await persistent(first.url, { transports: ['polling', 'websocket'] }),
        ]
        first.io.of('/lobby')
        clients.push(await persistent(first.url, { namespace: '/lobby' }))
        const reasons = Promise.all(clients.map(disconnected))
        await first.app.close()
        expect(new Set(await reasons)).to.deep.equal(new Set(['transport close']))

        const app = Fastify()
        open.push(app)
        await prepare(app)
        await app.register(spillway, { messages })
        const second = await listen(app, undefined, first.port)
        second.io.of('/lobby')
        await eventually(() => clients.every(({ connected }) => connected))
        const got = clients.map(
          (client) => new Promise((resolve) => client.once('jackpot:won', resolve)),
        )
        second.io.emit('jackpot:won', { n: 7 })
        second.io.of('/lobby').emit('jackpot:won', { n: 7 })
        expect(await Promise.all(got)).to.deep.equal(clients.map(() => ({ n: 7 })))
      })

      it('does not wait for a client that does not answer', async () => {
        const fixture = await start({ shutdown: { deadline: SHORT } }, prepare)
        const client = await fixture.raw()
        await eventually(() => fixture.spillway!.stats().buffered === 0)
        client.stall()
        await fixture.app.close()
        expect(fixture.spillway!.closed()).to.deep.equal([])
      })
    })
  }

  it('sends what is queued and critical first, and what is emitted meanwhile', async () => {
    const fixture = await start({ watermarks: BOUNDLESS, shutdown: { deadline: NEVER } })
    const client = await holdUp(fixture)
    fixture.io.emit('jackpot:won', { n: 1 })
    fixture.io.emit('reel:frame', { n: 1 })
    const closed = fixture.app.close()
    await eventually(() => refusesNew(fixture))
    fixture.io.emit('jackpot:won', { n: 2 })
    await new Promise((resolve) => setImmediate(resolve))
    fixture.io.emit('jackpot:won', { n: 3 })
    client.resume()
    await closed
    await eventually(() => !client.open)
    expect(client.received<{ n: number }>('jackpot:won').map(({ n }) => n)).to.deep.equal([1, 2, 3])
    const { critical, cosmetic } = fixture.spillway!.stats().classes
    expect(critical.undelivered.messages).to.equal(0)
    const { sent, undelivered, expired } = cosmetic
    expect(sent.messages + undelivered.messages + expired.messages).to.equal(1)
  })

  it('does not send what is cosmetic and waits, and tells of it', async () => {
    const fixture = await start({ shutdown: { deadline: NEVER } })
    const client = await fixture.raw()
    starve(fixture, client)
    for (let n = 0; n < 5; n++) fixture.io.emit('reel:frame', { n, pad })
    const done = fixture.app.close()
    await eventually(() => refusesNew(fixture))
    client.resume()
    await done
    const [closed] = fixture.spillway!.closed()
    expect(closed).to.include({ code: 'shutdown' })
    expect(closed!.undelivered.messages).to.equal(5)
    expect(client.received('reel:frame')).to.deep.equal([])
  })

  it('ends at the deadline, and tells what was not delivered', async () => {
    const fixture = await start({ watermarks: BOUNDLESS, shutdown: { deadline: SHORT } })
    await holdUp(fixture)
    fixture.io.emit('jackpot:won', { n: 1 })
    await fixture.app.close()
    const [closed] = fixture.spillway!.closed()
    expect(closed).to.include({ code: 'shutdown', address: '127.0.0.1' })
    expect(closed!.undelivered.messages).to.be.at.least(1)
    expect(closed!.inFlight).to.be.greaterThan(0)
    expect(fixture.spillway!.stats().closed.shutdown).to.equal(1)
    const { critical } = fixture.spillway!.stats().classes
    expect(critical.undelivered.messages).to.equal(closed!.undelivered.messages)
  })

  it('tells what the kernel had taken and nobody has read', async () => {
    const fixture = await start({ shutdown: { deadline: SHORT } })
    const client = await fixture.raw()
    await eventually(() => fixture.spillway!.stats().buffered === 0)
    client.stall()
    fixture.io.emit('jackpot:won', { n: 1, pad })
    await fixture.app.close()
    const [closed] = fixture.spillway!.closed()
    expect(closed).to.include({ code: 'shutdown' })
    expect(closed!.undelivered.messages).to.equal(0)
    expect(closed!.inFlight).to.be.greaterThan(pad.length)
  })

  it('says nothing of clients that have everything', async () => {
    const fixture = await start()
    const client = await fixture.client()
    const raw = await fixture.raw()
    for (let n = 0; n < 20; n++) fixture.io.emit('jackpot:won', { n, pad })
    await fixture.app.close()
    await eventually(() => !raw.open && !client.connected)
    expect(raw.received('jackpot:won')).to.have.length(20)
    expect(fixture.spillway!.closed()).to.deep.equal([])
  })

  it('counts what is emitted to a client that was told to close, and has not answered', async () => {
    const fixture = await start({ shutdown: { deadline: SHORT } })
    const client = await fixture.raw()
    await eventually(() => fixture.spillway!.stats().buffered === 0)
    client.stall()
    const closed = fixture.app.close()
    await eventually(() => refusesNew(fixture))
    fixture.io.emit('jackpot:won', { n: 1 })
    await closed
    const { undelivered, sent } = fixture.spillway!.stats().classes.critical
    expect([undelivered.messages, sent.messages >= 1]).to.deep.equal([1, true])
  })

  it('ends clients that never joined anything', async () => {
    const fixture = await start({ shutdown: { deadline: NEVER } })
    const socket = await bare(fixture)
    const closed = once(socket, 'close')
    await fixture.app.close()
    await closed
  })

  it('ends a client of polling whose poll waits', async () => {
    const fixture = await start({ shutdown: { deadline: NEVER } })
    const session = await fetch(fixture.url + HANDSHAKE).then((response) => response.text())
    const { sid } = JSON.parse(session.slice(1))
    const poll = fetch(`${fixture.url}${HANDSHAKE}&sid=${sid}`).then((response) => response.text())
    await eventually(() => writable(fixture))
    await fixture.app.close()
    expect(await poll).to.equal('1')
  })

  it('ends one between two polls at the deadline', async () => {
    const fixture = await start({ shutdown: { deadline: SHORT } })
    await fetch(fixture.url + HANDSHAKE).then((response) => response.text())
    await fixture.app.close()
    expect(fixture.io.engine.clientsCount).to.equal(0)
  })

  it('ends one that the application has closed between two polls', async () => {
    const fixture = await start({ shutdown: { deadline: SHORT } })
    await fetch(fixture.url + HANDSHAKE).then((response) => response.text())
    for (const conn of Object.values<{ close(): void }>(
      Reflect.get(fixture.io.engine, 'clients'),
    )) {
      conn.close()
    }
    expect(fixture.io.engine.clientsCount).to.equal(1)
    await fixture.app.close()
    expect(fixture.io.engine.clientsCount).to.equal(0)
  })

  it('ends a kernel socket whose connection the application has closed before', async () => {
    const fixture = await start({ shutdown: { deadline: SHORT } })
    const client = await fixture.raw()
    await eventually(() => fixture.spillway!.stats().buffered === 0)
    client.stall()
    fixture.io.disconnectSockets(true)
    await eventually(() => fixture.io.engine.clientsCount === 0)
    await fixture.app.close()
  })

  it('refuses new clients, and lets them in at the next server', async () => {
    const fixture = await start({ watermarks: BOUNDLESS, shutdown: { deadline: NEVER } })
    const held = await holdUp(fixture)
    fixture.io.emit('jackpot:won', { n: 1 })
    const closed = fixture.app.close()
    await eventually(() => refusesNew(fixture))
    const response = await fetch(fixture.url + HANDSHAKE)
    expect(response.status).to.equal(503)
    expect(Number(response.headers.get('retry-after'))).to.be.within(5, 10)
    const client = connect(fixture.url, {
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 20,
      reconnectionDelayMax: 50,
    })
    open.push(client)
    await once(client as never, 'connect_error')
    await eventually(() => fixture.spillway!.stats().refused.shutdown >= 3)
    held.close()
    await closed
    const app = Fastify()
    open.push(app)
    await app.register(spillway, { messages })
    await listen(app, undefined, fixture.port)
    await eventually(() => client.connected)
  })

  it('closes one whose handshake was under way', async () => {
    let letIn = (): void => {}
    const asked = new Promise<void>((resolve) => {
      letIn = resolve
    })
    let pass = (): void => {}
    const server = {
      allowRequest(_request: unknown, callback: (error: null, allowed: boolean) => void) {
        letIn()
        pass = () => callback(null, true)
      },
    }
    const fixture = await start({ server, shutdown: { deadline: NEVER } })
    const handshake = bare(fixture)
    await asked
    const closed = fixture.app.close()
    await eventually(() => refusesNew(fixture))
    pass()
    const socket = await handshake
    if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close')
    await closed
  })

  it('answers no CONNECT, so that the client comes back when it is closed', async () => {
    const fixture = await startServer({ messages, watermarks: BOUNDLESS })
    open.push(fixture)
    const held = await holdUp(fixture)
    fixture.io.emit('jackpot:won', { n: 1 })
    const socket = await bare(fixture)
    const answers: string[] = []
    socket.on('message', (data) => answers.push(String(data)))
    const done = fixture.spillway!.shutdown({ deadline: NEVER, spread: NEVER })
    socket.send('40')
    await eventually(() => fixture.spillway!.stats().refused.shutdown === 1)
    socket.close()
    held.close()
    await done
    expect(answers).to.deep.equal([])
    expect(Reflect.get(fixture.io.sockets, '_preConnectSockets').size).to.equal(0)
  })

  it('spreads the closings, and serves those whose turn has not come', async () => {
    const fixture = await startServer({ messages })
    open.push(fixture)
    const clients = await Promise.all(Array.from({ length: 4 }, () => fixture.raw()))
    const connected = () => clients.filter((client) => client.open).length
    const done = fixture.spillway!.shutdown({ deadline: NEVER, spread: 2000 })
    const seen = new Set<number>()
    for (let n = 0; connected() > 0; n++) {
      seen.add(connected())
      fixture.io.emit('jackpot:won', { n })
      await sleep(10)
    }
    await done
    expect([...seen]).to.include.members([3, 2, 1])
    const counts = clients.map((client) => client.received('jackpot:won').length)
    expect(Math.max(...counts)).to.be.greaterThan(2 * Math.min(...counts))
  })

  it('is over at once where nobody is connected', async () => {
    const fixture = await startServer({ messages, shutdown: { deadline: NEVER, spread: NEVER } })
    open.push(fixture)
    await fixture.spillway!.shutdown()
  })

  it('is refused with a spread beyond the deadline, and has not begun then', async () => {
    const fixture = await startServer({ messages })
    open.push(fixture)
    const client = await fixture.client()
    expect(() => fixture.spillway!.shutdown({ spread: 6000 })).to.throw(
      'shutdown.spread: was given 6000 with deadline 5000; allowed: at most shutdown.deadline',
    )
    expect(() => fixture.spillway!.shutdown({ deadline: -1 })).to.throw('shutdown.deadline')
    expect((await fetch(fixture.url + HANDSHAKE)).status).to.equal(200)
    expect(client.connected).to.equal(true)
  })

  it('waits for the first where it is asked for again; after close there is nothing to do', async () => {
    const fixture = await start({ watermarks: BOUNDLESS, shutdown: { deadline: SHORT } })
    await holdUp(fixture)
    const { spillway: handle } = fixture.app
    const first = handle.shutdown()
    expect(handle.shutdown()).to.equal(first)
    await Promise.all([fixture.app.close(), fixture.app.close(), first])
    await fixture.app.close()
    handle.close()
    await handle.shutdown()
    expect(handle.stats().closed.shutdown).to.equal(1)
  })

  it('ends when the handle is closed meanwhile', async () => {
    const fixture = await startServer({ messages, watermarks: BOUNDLESS })
    open.push(fixture)
    const client = await holdUp(fixture)
    fixture.io.emit('jackpot:won', { n: 1 })
    const done = fixture.spillway!.shutdown({ deadline: NEVER })
    fixture.spillway!.close()
    await done
    client.resume()
    await client.until(() => client.received('jackpot:won').length === 1)
    expect((await fetch(fixture.url + HANDSHAKE)).status).to.equal(200)
  })

  it('and close leave io, its engine and the process as they were', async () => {
    const plain = await startServer('plain')
    open.push(plain)
    const before = process.listenerCount('exit')
    const fixture = await startServer({ messages, admission: { loopDelay: 100 } })
    open.push(fixture)
    const clients = [await fixture.client(), await fixture.client({ transports: ['polling'] })]
    const gone = Promise.all(clients.map(disconnected))
    await fixture.spillway!.shutdown()
    await gone
    fixture.spillway!.close()
    const shapeOf = ({ io }: Fixture) => ({
      io: Object.keys(io).sort(),
      engine: Object.keys(io.engine).sort(),
      encoder: Object.keys(io.encoder),
      listeners: [io, io.engine].map((emitter) =>
        emitter.eventNames().map((name) => [name, emitter.listenerCount(name as never)]),
      ),
      middlewares: Reflect.get(io.sockets, '_fns'),
    })
    expect(shapeOf(fixture)).to.deep.equal(shapeOf(plain))
    expect(process.listenerCount('exit')).to.equal(before)
  })

  for (const server of ['own', 'fastify-socket.io', 'given']) {
    it(`leaves no timer and no handle: a process with the server ${server}`, async () => {
      const script = fileURLToPath(new URL('../support/process/shutdown-app.ts', import.meta.url))
      const child = spawn(process.execPath, ['--import', 'tsx', script, server], {
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: 15_000,
      })
      const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')])
      expect(status).to.equal(0)
      const { before, after } = JSON.parse(output)
      expect(after.filter((name: string) => !before.includes(name))).to.deep.equal([])
    })
  }
})

/** Whether the gate is shut. */
function refusesNew({ io }: Fixture): boolean {
  return Object.hasOwn(io.engine, 'handleRequest')
}

/** Whether the poll of the only client waits. */
function writable({ io }: Fixture): boolean {
  const [conn] = Object.values<{ transport: { writable: boolean } }>(
    Reflect.get(io.engine, 'clients'),
  )
  return conn?.transport.writable === true
}
