import { expect } from 'chai'
import type { Server, ServerOptions, Socket } from 'socket.io'
import { z } from 'zod'
import { attach } from '../../lib/attach.ts'
import { SpillwayError } from '../../lib/base/errors.ts'
import { cosmetic, critical } from '../../schemas/priority.ts'
import { fatalErrors } from '../support/clients/hostile-socket.ts'
import { makePair } from '../support/servers/pair-adapter.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const messages = { win: critical(z.number()), tick: cosmetic(z.number()), any: cosmetic(z.any()) }

/** Ways to emit something that fails its schema. */
const EMITS: Readonly<Record<string, (io: Server, socket: Socket, event: string) => unknown>> = {
  'io.emit': (io, _, event) => io.emit(event, 'x'),
  'a namespace': (io, _, event) => io.of('/').emit(event, 'x'),
  'a room': (io, _, event) => io.to('room').except('nobody').emit(event, 'x'),
  'an empty room': (io, _, event) => io.to('nobody').emit(event, 'x'),
  'io.volatile': (io, _, event) => io.volatile.emit(event, 'x'),
  'io.local': (io, _, event) => io.local.emit(event, 'x'),
  'a socket': (_io, socket, event) => socket.emit(event, 'x'),
  'socket.volatile': (_io, socket, event) => socket.volatile.emit(event, 'x'),
  'socket.broadcast': (_io, socket, event) => socket.broadcast.emit(event, 'x'),
  'a socket that is to answer': (_io, socket, event) => socket.emit(event, 'x', () => {}),
  'emitWithAck of a socket': (_io, socket, event) => socket.emitWithAck(event, 'x'),
  'all who are to answer': (io, _, event) => io.timeout(5000).emit(event, 'x', () => {}),
  'emitWithAck of all': (io, _, event) => io.timeout(5000).emitWithAck(event, 'x'),
}

const SERVERS: Readonly<Record<string, (pair: object) => Partial<ServerOptions>>> = {
  'one node': () => ({}),
  'one node with recovery': () => ({ connectionStateRecovery: {} }),
  'two nodes': (adapter) => ({ adapter: adapter as never }),
  'two nodes with recovery': (adapter) => ({
    adapter: adapter as never,
    connectionStateRecovery: {},
  }),
}

describe("With validate: 'throw'", () => {
  const open: Fixture[] = []
  afterEach(async () => {
    for (const fixture of open.splice(0)) await fixture.close()
  })
  async function start(...args: Parameters<typeof startServer>): Promise<Fixture> {
    const fixture = await startServer(...args)
    open.push(fixture)
    return fixture
  }
  /** A client that has received `win` with 1, and is gone for a moment. */
  async function afterLeaving(fixture: Fixture) {
    const client = await fixture.client({ reconnection: true, reconnectionDelay: 50 })
    const got: unknown[] = []
    client.onAny((_event: string, value: unknown) => got.push(value))
    fixture.io.emit('win', 1)
    await eventually(() => got.length === 1)
    const [socket] = fixture.io.sockets.sockets.values()
    const left = new Promise((resolve) => socket!.once('disconnect', resolve))
    client.io.engine.close()
    await left
    return { client, got }
  }
  const storedBy = ({ io }: Fixture) =>
    (io.of('/').adapter as unknown as { packets?: unknown[] }).packets?.length

  for (const [where, options] of Object.entries(SERVERS)) {
    describe(`on ${where}`, () => {
      for (const [name, emit] of Object.entries(EMITS)) {
        it(`what ${name} throws was not emitted, published or stored`, async () => {
          const published: unknown[] = []
          const pair = makePair((message) => {
            published.push(message)
            return structuredClone(message)
          })
          const here = await start({ messages, validate: 'throw' }, options(pair))
          const there = await start({ messages }, options(pair))
          const [one, two, far] = [await here.raw(), await here.raw(), await there.raw()]
          const [socket] = [...here.io.sockets.sockets.values()]
          socket!.join('room')
          const heard: unknown[] = []
          for (const fixture of [here, there])
            fixture.spillway!.events.on('fault', () => heard.push(1))
          const acks = () => (socket as unknown as { acks: Map<number, unknown> }).acks.size
          here.io.emit('win', 1)
          await eventually(() => [one, two].every((each) => each.received('win').length === 1))
          const before = { stored: storedBy(here), acks: acks(), published: published.length }
          const errors = await fatalErrors(async () => {
            for (const event of ['win', 'tick']) {
              let thrown: unknown
              try {
                await emit(here.io, socket!, event)
              } catch (error) {
                thrown = error
              }
              expect(thrown).to.be.instanceOf(SpillwayError)
              expect(thrown).to.have.property('code', 'SPILLWAY_INVALID_PAYLOAD')
            }
          })
          expect(errors).to.deep.equal([])
          const after = { stored: storedBy(here), acks: acks(), published: published.length }
          expect(after).to.deep.equal(before)
          // what follows is as if nothing had been
          here.io.emit('win', 2)
          socket!.emit('tick', 3)
          await eventually(() => one.received('tick').length === 1)
          await eventually(() => two.received('win').length === 2)
          const isCluster = where.startsWith('two')
          if (isCluster) await eventually(() => far.received('win').length === 2)
          // an adapter publishes a broadcast first, and what goes to one socket overtakes it
          await eventually(() => one.received('win').length === 2)
          expect(one.events).to.have.members(['win', 'win', 'tick'])
          expect(two.events).to.deep.equal(['win', 'win'])
          expect(far.events).to.deep.equal(isCluster ? ['win', 'win'] : [])
          expect(heard).to.deep.equal([])
        })
      }
    })
  }

  it('a client comes back, and was not sent what threw', async () => {
    const fixture = await start({ messages, validate: 'throw' }, { connectionStateRecovery: {} })
    const { client, got } = await afterLeaving(fixture)
    fixture.io.emit('win', 2)
    expect(() => fixture.io.emit('win', 'three')).to.throw(SpillwayError)
    fixture.io.emit('win', 4)
    await new Promise<void>((resolve) => client.once('connect', resolve))
    fixture.io.emit('win', 5)
    await eventually(() => got.includes(5))
    expect(client.recovered).to.equal(true)
    expect(got).to.deep.equal([1, 2, 4, 5])
  })

  it('the first broadcast of a namespace, or of a new adapter, is none', async () => {
    const options = { connectionStateRecovery: {} }
    const namespaces = new Map([[/^\/(new|child)$/, messages]])
    const fixture = await start({ messages, namespaces, validate: 'throw' }, options)
    const { io } = fixture
    const keptBy = (name: string) =>
      (io.of(name).adapter as unknown as { packets: unknown[] }).packets.length
    expect(() => io.of('/new').emit('win', 'x')).to.throw(SpillwayError)
    expect(keptBy('/new')).to.equal(0)
    const parent = io.of(/^\/child$/)
    await fixture.raw({ namespace: '/child' })
    expect(() => parent.emit('win', 'x')).to.throw(SpillwayError)
    expect(keptBy('/child')).to.equal(0)
    io.adapter(io.adapter()!)
    expect(() => io.emit('win', 'x')).to.throw(SpillwayError)
    expect(keptBy('/')).to.equal(0)
  })

  it('what Socket.IO itself refuses is refused by it, as without the plugin', async () => {
    const errors = []
    for (const options of ['plain', { messages, validate: 'throw' }] as const) {
      const { io } = await start(options)
      const circular: { self?: object } = {}
      circular.self = circular
      for (const value of [1n, circular]) {
        for (const event of ['unknown', 'any']) {
          try {
            io.emit(event, value)
          } catch (error) {
            errors.push((error as Error).name)
          }
        }
      }
    }
    expect(errors.slice(4)).to.deep.equal(errors.slice(0, 4))
    expect(errors).to.have.length(8)
  })

  describe('nothing is thrown where nobody catches it', () => {
    it('of what another node has emitted, which does not validate', async () => {
      const adapter = makePair() as never
      const here = await start({ messages, validate: 'throw' }, { adapter })
      const there = await start('plain', { adapter })
      const client = await here.raw()
      const errors = await fatalErrors(async () => {
        there.io.emit('win', 'x')
        there.io.timeout(5000).emit('tick', 'x', () => {})
        there.io.emit('tick', 'y')
        await eventually(() => client.events.length === 3)
      })
      expect(errors).to.deep.equal([])
    })

    it('of what was stored before, when a client comes back', async () => {
      const fixture = await start('plain', { connectionStateRecovery: {} })
      const { client, got } = await afterLeaving(fixture)
      fixture.io.emit('win', 'two')
      const spillway = attach(fixture.io, { messages, validate: 'throw' })
      const errors = await fatalErrors(async () => {
        await new Promise<void>((resolve) => client.once('connect', resolve))
        await eventually(() => got.length === 2)
      })
      spillway.close()
      expect(errors).to.deep.equal([])
      expect(client.recovered).to.equal(true)
      expect(got).to.deep.equal([1, 'two'])
    })

    it('of the payload of an answer', async () => {
      const fixture = await start({ messages, validate: 'throw' })
      const client = await fixture.raw()
      const [socket] = [...fixture.io.sockets.sockets.values()]
      socket!.on('ask', (answer) => answer('win', 'x'))
      client.send('421["ask"]')
      await client.until(() => client.frames.includes('431["win","x"]'))
    })
  })
})
