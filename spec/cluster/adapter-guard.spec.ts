import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import type { Namespace, Server } from 'socket.io'
import { Adapter, ClusterAdapter, type ClusterMessage } from 'socket.io-adapter'
import { attach } from '../../lib/attach.ts'
import { fatalErrors } from '../support/clients/hostile-socket.ts'
import { makePair } from '../support/servers/pair-adapter.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

/** A Redis client whose every command fails when it is told to. */
class FakeClient extends EventEmitter {
  copies: FakeClient[] = []
  reads = 0

  publish(_channel: string, _text: string): Promise<number> {
    return Promise.reject(new Error('connection lost'))
  }

  xRead(): Promise<never> {
    this.reads++
    return Promise.reject(new Error('OOM the payload'))
  }

  get(): Promise<never> {
    return Promise.reject(new Error('connection lost'))
  }

  duplicate(): FakeClient {
    const copy = new FakeClient()
    this.copies.push(copy)
    return copy
  }
}

describe('Adapters', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  const faultsOf = ({ spillway }: Fixture) => {
    const faults: string[] = []
    spillway!.events.on('fault', (where, { message }) => faults.push(`${where}: ${message}`))
    return faults
  }

  const failing = (io: Server, namespace: string, text: string) =>
    io.of(namespace).adapter.emit('error', new Error(text))

  it('are heard, so that no error of one ends the process', async () => {
    const lines: object[] = []
    const log = { info() {}, warn() {}, error: (fields: object) => void lines.push(fields) }
    fixture = await startServer({ log })
    const { io } = fixture
    const faults = faultsOf(fixture)
    io.of(/^\/table-\d+$/)
    await fixture.raw({ namespace: '/table-7' })
    for (const namespace of ['/', '/lobby', '/table-7']) failing(io, namespace, 'broken')
    io.adapter(makePair())
    for (const namespace of ['/', '/lobby', '/table-7']) failing(io, namespace, 'OOM payload')
    await eventually(() => faults.length === 6)
    expect(faults).to.deep.equal([
      ...['/', '/lobby', '/table-7'].map((name) => `adapter of ${name}: broken`),
      ...['/', '/lobby', '/table-7'].map((name) => `adapter of ${name}: OOM payload`),
    ])
    expect(fixture.spillway!.readings.adapterFaults.error).to.equal(6)
    expect(lines[0]).to.deep.equal({ where: 'adapter of /', kind: 'error', error: 'broken' })
    // the next line, of what was left out meanwhile, tells no payload either
    expect(JSON.stringify(lines)).not.to.include('payload')
  })

  it('have their own methods and listeners again when the Spillway is closed', async () => {
    fixture = await startServer()
    const { io } = fixture
    const first = io.of('/').adapter
    io.adapter(makePair())
    const second = io.of('/').adapter
    expect(Object.getOwnPropertyNames(second)).to.include('publishAndReturnOffset')
    fixture.spillway!.close()
    for (const adapter of [first, second]) {
      expect(adapter.listenerCount('error')).to.equal(0)
      for (const name of ['publishAndReturnOffset', 'serverCount', 'restoreSession']) {
        expect(Object.keys(adapter)).not.to.include(name)
      }
    }
    expect(Object.hasOwn(io, 'adapter')).to.equal(false)
    io.of('/later')
    expect(io.of('/later').adapter.listenerCount('error')).to.equal(0)
    expect(io.adapter()).to.be.a('function')
  })

  it('that refuse to publish are told of, and the clients here are sent to', async () => {
    class Refusing extends ClusterAdapter {
      // public, which the inherited one is not
      constructor(namespace: Namespace) {
        super(namespace)
      }

      protected override doPublish(_: ClusterMessage): Promise<string> {
        return Promise.reject(new Error('refused'))
      }

      protected override doPublishResponse(): Promise<void> {
        return Promise.reject(new Error('refused'))
      }

      override serverCount(): Promise<number> {
        return Promise.reject(new Error('unknown'))
      }
    }
    fixture = await startServer({}, { adapter: Refusing })
    const faults = faultsOf(fixture)
    const client = await fixture.raw()
    const errors = await fatalErrors(async () => {
      fixture.io.emit('hello')
      await client.until(() => client.events.includes('hello'))
      const answers = new Promise<Error | null>((resolve) => {
        fixture.io.timeout(20).emit('ask', (error: Error | null) => resolve(error))
      })
      expect(await answers).to.be.an('error')
    })
    expect(errors).to.deep.equal([])
    expect(faults).to.include.members(['adapter of /: refused', 'adapter of /: unknown'])
  })

  it('have clients whose errors are told, and whose failures nobody has to handle', async () => {
    fixture = await startServer()
    const faults = faultsOf(fixture)
    const client = fixture.spillway!.guard(new FakeClient())
    const errors = await fatalErrors(async () => {
      client.emit('error', new Error('one'))
      client.duplicate().emit('error', new Error('two'))
      void client.publish('channel', 'text')
      await eventually(() => faults.length === 3)
    })
    expect(errors).to.deep.equal([])
    expect(faults).to.deep.equal([
      ...['one', 'two', 'connection lost'].map((text) => `client of an adapter: ${text}`),
    ])
    const rejected = await client.get().catch(({ message }: Error) => message)
    expect(rejected).to.equal('connection lost')
    const awaited = await client.publish('', '').catch(({ message }: Error) => message)
    expect(awaited).to.equal('connection lost')
  })

  it('that show their clients have them guarded, those of later namespaces too', async () => {
    const [pub, sub] = [new FakeClient(), new FakeClient()]
    class WithClients extends Adapter {
      readonly pubClient = pub
      readonly subClient = sub
    }
    fixture = await startServer({}, { adapter: WithClients })
    fixture.io.of('/lobby')
    const faults = faultsOf(fixture)
    const errors = await fatalErrors(async () => {
      pub.emit('error', new Error('one'))
      sub.emit('error', new Error('two'))
      void pub.publish('channel', 'text')
      await eventually(() => faults.length >= 3)
    })
    expect(errors).to.deep.equal([])
    expect(faults).to.deep.equal([
      ...['one', 'two', 'connection lost'].map((text) => `client of an adapter: ${text}`),
    ])
  })

  it('have clients that are not read from again and again without a pause', async () => {
    fixture = await startServer()
    const client = fixture.spillway!.guard(new FakeClient())
    const poll = async (): Promise<void> => {
      await client.xRead().catch(() => {})
      if (client.reads < 3) await poll()
    }
    let turns = 0
    const timer = setInterval(() => turns++, 5)
    await poll()
    clearInterval(timer)
    expect(turns).to.be.greaterThan(3)
  })

  it('have clients that are heard after the Spillway is closed, and shared by several', async () => {
    fixture = await startServer()
    const other = await startServer()
    const client = new FakeClient()
    fixture.spillway!.guard(client)
    other.spillway!.guard(client)
    const [faults, others] = [faultsOf(fixture), faultsOf(other)]
    fixture.spillway!.close()
    client.emit('error', new Error('one'))
    await eventually(() => others.length === 1)
    await other.close()
    const errors = await fatalErrors(async () => {
      client.emit('error', new Error('two'))
      void client.publish('channel', 'text')
    })
    expect(errors).to.deep.equal([])
    expect(faults).to.deep.equal([])
    expect(others).to.deep.equal(['client of an adapter: one'])
  })

  it('have no client that is none', async () => {
    fixture = await startServer()
    for (const given of [{}, null, 'redis://'] as never[]) {
      expect(() => fixture.spillway!.guard(given)).to.throw('a client of redis or ioredis')
    }
    expect(() => attach(fixture.io)).to.throw()
  })
})
