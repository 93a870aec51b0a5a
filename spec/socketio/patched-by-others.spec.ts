import { expect } from 'chai'
import type { Server, Socket } from 'socket.io'
import { attach } from '../../lib/attach.ts'
import type { Spillway } from '../../lib/spillway.ts'
import { BOUNDLESS, starve } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { refusalOf } from '../support/refusals.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'
import { traceOf } from './support/traces.ts'

type Methods = Record<string, (...args: never[]) => unknown>

/** Every object of a server, and its methods, that a Spillway replaces. */
function replaced({ io }: Fixture): Array<[name: string, target: Methods, method: string]> {
  const [socket] = io.sockets.sockets.values()
  const { conn } = socket!
  const objects: Array<[string, object, string[]]> = [
    ['io', io, ['bind', 'attach', 'attachApp', 'adapter']],
    ['io.encoder', Reflect.get(io, 'encoder'), ['encode']],
    ['io.engine', io.engine, ['handleRequest', 'handleUpgrade']],
    [
      'adapter',
      io.sockets.adapter,
      ['_encode', 'apply', 'broadcast', 'broadcastWithAck', 'serverCount'],
    ],
    ['conn', conn, ['write', 'send', 'close']],
  ]
  return objects.flatMap(([name, target, methods]) =>
    methods.map((method): [string, Methods, string] => [
      `${name}.${method}`,
      target as Methods,
      method,
    ]),
  )
}

/** What a wrapper of each method has seen. */
type Calls = Map<string, number>

/** Wraps every method as other libraries do. */
function wrapAll(fixture: Fixture, calls: Calls): void {
  for (const [name, target, method] of replaced(fixture)) {
    const original = target[method] as (...args: unknown[]) => unknown
    const wrapper = function (this: unknown, ...args: unknown[]): unknown {
      calls.set(name, (calls.get(name) ?? 0) + 1)
      return original.apply(this, args)
    }
    target[method] = wrapper
  }
}

const tracesOf = (fixture: Fixture) =>
  Object.fromEntries(replaced(fixture).map(([name, target]) => [name, traceOf(target)]))

const options = { messages, admission: {}, watermarks: BOUNDLESS }
const attachTo = (io: Server) => attach(io, options) as Spillway

describe('A method that somebody else has replaced', () => {
  let fixture: Fixture
  let client: RawClient
  let socket: Socket

  beforeEach(async () => {
    fixture = await startServer('plain')
    client = await fixture.raw()
    ;[socket] = fixture.io.sockets.sockets.values() as unknown as [Socket]
  })
  afterEach(() => fixture.close())

  /** Uses all of them; the figures are those of the first client. */
  async function use(round: number): Promise<void> {
    const { io } = fixture
    io.emit('jackpot:won', { n: round })
    io.emit('reel:frame', { n: round })
    socket.emit('jackpot:won', { n: round })
    socket.conn.send(`2["raw",${round}]`)
    const late = await fixture.raw()
    io.emit('last', round)
    await client.until(() => client.received('last').length === round)
    await late.until(() => late.received('last').length === 1)
    late.close()
    await eventually(() => io.engine.clientsCount === 1)
  }

  const counts = () =>
    ['jackpot:won', 'reel:frame', 'raw', 'last'].map((event) => client.received(event).length)

  it('before it is attached, as its own, sees what it sees without, and is there again after close', async () => {
    const plain: Calls = new Map()
    wrapAll(fixture, plain)
    await use(1)
    await fixture.close()
    fixture = await startServer('plain')
    client = await fixture.raw()
    ;[socket] = fixture.io.sockets.sockets.values() as unknown as [Socket]
    const calls: Calls = new Map()
    wrapAll(fixture, calls)
    const before = tracesOf(fixture)
    const spillway = attachTo(fixture.io)
    await use(1)
    // what is sent past Engine.IO's `send` is counted where it is written
    for (const name of ['io.encoder.encode', 'adapter.broadcast', 'conn.write']) {
      expect(calls.get(name), name).to.be.at.least(plain.get(name)!)
    }
    expect(calls.get('io.engine.handleUpgrade')).to.equal(plain.get('io.engine.handleUpgrade'))
    spillway.close()
    expect(tracesOf(fixture)).to.deep.equal(before)
    await use(2)
    expect(counts()).to.deep.equal([4, 2, 2, 2])
  })

  it('meanwhile goes on after close, without the Spillway, and before the next', async () => {
    const calls: Calls = new Map()
    let spillway = attachTo(fixture.io)
    wrapAll(fixture, calls)
    const wrapped = tracesOf(fixture)
    await use(1)
    expect(calls.get('conn.write')).to.be.greaterThan(0)
    spillway.close()
    const properties = (of: ReturnType<typeof tracesOf>) =>
      Object.entries(of).map(([name, { properties }]) => [
        name,
        Object.entries(properties).filter(([key]) => !key.startsWith('Symbol(')),
      ])
    expect(properties(tracesOf(fixture))).to.deep.equal(properties(wrapped))
    const left = tracesOf(fixture)
    for (let round = 2; round < 6; round++) {
      const before = new Map(calls)
      await use(round)
      for (const name of ['io.encoder.encode', 'adapter.broadcast', 'conn.write', 'conn.send']) {
        expect(calls.get(name), `${name}, round ${round}`).to.be.greaterThan(before.get(name) ?? 0)
      }
      spillway = attachTo(fixture.io)
      expect(spillway.stats().clients.connected).to.equal(1)
      fixture.io.emit('jackpot:won', { n: round })
      expect(spillway.stats().classes.critical.sent.messages, 'sent once').to.equal(1)
      spillway.close()
      expect(tracesOf(fixture), 'nothing piles up').to.deep.equal(left)
    }
    await client.until(() => client.received('jackpot:won').length === 14)
    expect(counts()).to.deep.equal([14, 5, 5, 5])
  })

  it('that is an accessor or not writable is replaced, and put back', async () => {
    const { io } = fixture
    const encoder = Reflect.get(io, 'encoder') as unknown as Methods
    const { encode } = encoder
    Object.defineProperty(encoder, 'encode', {
      get: () => (packet: never) => encode!.call(encoder, packet),
      configurable: true,
    })
    const { conn } = socket
    Object.defineProperty(conn, 'write', { value: conn.write, configurable: true })
    const before = tracesOf(fixture)
    const spillway = attachTo(io)
    io.emit('jackpot:won', { n: 1 })
    expect(spillway.stats().classes.critical.sent.messages).to.equal(1)
    spillway.close()
    expect(tracesOf(fixture)).to.deep.equal(before)
    await use(1)
  })

  describe('and that does not let itself be replaced', () => {
    const fixed = { configurable: false, writable: false }
    const REFUSED: Record<string, (io: Server) => object> = {
      'io.bind': (io) => Object.defineProperty(io, 'bind', { value: io.bind, ...fixed }),
      'io.encoder.encode': (io) => {
        const encoder = Object.freeze(Reflect.get(io, 'encoder') as object)
        return Object.defineProperty(io, 'encoder', { value: encoder, ...fixed })
      },
      'io.engine': (io) => {
        const { conn } = [...io.sockets.sockets.values()][0]!
        return Object.defineProperty(conn, 'write', { value: conn.write, ...fixed })
      },
    }
    for (const [path, fix] of Object.entries(REFUSED)) {
      it(`is refused by name, and leaves everything as it was: ${path}`, async () => {
        fix(fixture.io)
        const before = tracesOf(fixture)
        const { code, message } = refusalOf(() => attachTo(fixture.io))
        expect(code).to.match(/^SPILLWAY_(NOT_SOCKET_IO|UNSUPPORTED_ENGINE)$/)
        expect(message).to.match(new RegExp(`^${path.replaceAll('.', '\\.')}: was given `))
        expect(tracesOf(fixture)).to.deep.equal(before)
        fixture.io.emit('last')
        await client.until(() => client.events.includes('last'))
      })
    }

    it('is left alone where the Spillway can do without it', async () => {
      const { io } = fixture
      for (const name of ['_encode', 'apply', 'serverCount', 'broadcast'] as const) {
        const value: unknown = Reflect.get(io.sockets.adapter, name)
        Object.defineProperty(io.sockets.adapter, name, { value, ...fixed })
      }
      for (const name of ['handleRequest', 'handleUpgrade'] as const) {
        Object.defineProperty(io.engine, name, { value: io.engine[name], ...fixed })
      }
      Object.defineProperty(io, 'adapter', { value: io.adapter, ...fixed })
      const before = tracesOf(fixture)
      const spillway = attachTo(io)
      await use(1)
      expect(spillway.stats().classes.critical.sent.messages).to.be.greaterThan(0)
      spillway.close()
      expect(tracesOf(fixture)).to.deep.equal(before)
    })

    it('of a client that comes later leaves that client to Socket.IO', async () => {
      const { io } = fixture
      const spillway = attachTo(io)
      const faults: string[] = []
      spillway.events.on('fault', (where, { message }) => faults.push(`${where}: ${message}`))
      io.engine.prependListener('connection', (conn: Socket['conn']) => {
        Object.defineProperty(conn, 'write', { value: conn.write, ...fixed })
      })
      const late = await fixture.raw()
      io.emit('jackpot:won', { n: 1 })
      await late.until(() => late.received('jackpot:won').length === 1)
      expect(spillway.stats().clients.connected).to.equal(1)
      await eventually(() => faults.length === 1)
      expect(faults[0]).to.include('without a conn.write() that can be replaced')
      spillway.close()
    })
  })

  describe('close()', () => {
    it('from within a call of a method of it leaves nobody without a message', async () => {
      const others = [await fixture.raw(), await fixture.raw()]
      for (const moment of ['onAnyOutgoing', 'packetCreate', 'flush', 'encode'] as const) {
        const spillway = attachTo(fixture.io)
        const close = () => spillway.close()
        if (moment === 'onAnyOutgoing') socket.onAnyOutgoing(close)
        if (moment === 'packetCreate' || moment === 'flush') socket.conn.once(moment, close)
        const toJSON = () => {
          close()
          return { n: 1 }
        }
        const payload = { n: 1, ...(moment === 'encode' && { toJSON }) }
        fixture.io.emit('jackpot:won', payload)
        fixture.io.emit(moment)
        for (const each of [client, ...others]) {
          await each.until(() => each.events.includes(moment))
        }
        socket.offAnyOutgoing()
        spillway.close()
      }
      for (const each of [client, ...others]) {
        expect(each.events.filter((event) => event === 'jackpot:won')).to.have.length(4)
      }
    })

    it('may be called again, and hands over what waits', async () => {
      const spillway = attachTo(fixture.io)
      starve({ ...fixture, spillway }, client)
      for (let n = 0; n < 20; n++) fixture.io.emit('reel:frame', { n, pad })
      for (let times = 0; times < 3; times++) spillway.close()
      client.resume()
      await client.until(() => client.received('reel:frame').length === 20)
    })

    it('and attach() a thousand times leave nothing that grows', async () => {
      const polling = await fixture.client({ transports: ['polling'] })
      const got: number[] = []
      polling.on('jackpot:won', ({ n }: { n: number }) => got.push(n))
      attachTo(fixture.io).close()
      const before = tracesOf(fixture)
      const ofProcess = traceOf(process)
      for (let n = 0; n < 1000; n++) {
        const spillway = attachTo(fixture.io)
        if (n % 100 === 0) fixture.io.emit('jackpot:won', { n })
        spillway.close()
      }
      expect(tracesOf(fixture)).to.deep.equal(before)
      expect(traceOf(process)).to.deep.equal(ofProcess)
      await eventually(() => got.length === 10)
      await client.until(() => client.received('jackpot:won').length === 10)
    })
  })
})
