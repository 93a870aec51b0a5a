import { expect } from 'chai'
import { FrameWriter } from '../../../lib/link/direct/frame-writer.ts'
import type { TickMember } from '../../../lib/loop/turn-scheduler.ts'
import { Envelope, NO_FIELDS } from '../../../lib/message/envelope.ts'
import { pingOf } from '../../../lib/message/frame.ts'
import { FrameBatch } from '../../../lib/message/frame-batch.ts'
import { makeRule } from '../../../lib/message/rule.ts'
import type { EngineSocket } from '../../../lib/socketio/engine.ts'
import type { BareTransport } from '../../../lib/socketio/ws.ts'
import {
  eventually,
  type Fixture,
  type RawClient,
  startServer,
} from '../../support/servers/server.ts'

const rule = makeRule('/', 'any', { class: 'critical' })
const message = (...parts: string[]) =>
  new Envelope({ ...NO_FIELDS, rule, kind: 'event', namespace: '/', parts, emittedAt: 0 })

describe('FrameWriter', () => {
  let fixture: Fixture
  let client: RawClient
  let conn: EngineSocket
  let transport: BareTransport
  let writer: FrameWriter
  const ended: TickMember[] = []
  const later: TickMember[] = []
  const events = {
    ready() {},
    followsDrain: false,
    host: {
      whenTickEnds: (member: TickMember) => void ended.push(member),
      afterTick: (member: TickMember) => void later.push(member),
    },
  }

  const endTick = (members: TickMember[]) => {
    for (const member of members.splice(0)) member.tickEnded()
  }

  beforeEach(async () => {
    fixture = await startServer('plain')
    client = await fixture.raw()
    const [socket] = fixture.io.sockets.sockets.values()
    conn = socket!.conn as unknown as EngineSocket
    transport = conn.transport as BareTransport
    // it may be sending the CONNECT still
    await eventually(() => transport.writable)
    ended.length = 0
    later.length = 0
    // in place of the gauge's
    transport.on('ready', () => {})
    writer = FrameWriter.for(conn, transport, events)!
    // the first write of a process goes through the stream, from which the others are learnt
    writer.reserve()
    writer.write(new FrameBatch(message('2["first"]'), undefined, 1))
    await eventually(() => writer.idle)
    endTick(ended)
  })
  afterEach(() => fixture.close())

  it('holds the transport from what it is reserved for to the end of the tick', async () => {
    expect(writer.isUsable).to.equal(true)
    expect(writer.reserve(), 'Engine.IO would have sent it').to.equal(true)
    expect(transport.writable).to.equal(false)
    expect(writer.reserve(), 'Engine.IO would have held it back').to.equal(false)
    writer.write(new FrameBatch(message('2["a"]'), undefined, 1))
    expect(transport.writable, 'in the same tick').to.equal(false)
    expect(writer.isUsable).to.equal(true)
    endTick(ended)
    expect(transport.writable).to.equal(true)
    await client.until(() => client.events.includes('a'))
  })

  it('tells a tick later what Engine.IO would have held back', async () => {
    const told: string[] = []
    conn.on('flush', (packets: unknown[]) => told.push(`flush of ${packets.length}`))
    conn.on('drain', () => told.push('drain'))
    const first = new FrameBatch(message('2["a"]'), undefined, writer.reserve() ? 1 : 0)
    writer.write(first.and(message('2["b"]')).and(message('2["c"]')))
    endTick(ended)
    expect(transport.writable, 'the second flush is to be told first').to.equal(false)
    expect(told).to.deep.equal(['flush of 2', 'drain'])
    endTick(later)
    expect(transport.writable).to.equal(true)
    expect(told).to.have.length(2)
    await client.until(() => client.events.includes('c'))
    expect(client.events.slice(-3)).to.deep.equal(['a', 'b', 'c'])
  })

  it('flushes what came into the write buffer meanwhile', async () => {
    writer.reserve()
    writer.write(new FrameBatch(message('2["a"]'), undefined, 1))
    conn.write('2["b"]')
    expect(conn.writeBuffer).to.have.length(1)
    endTick(ended)
    expect(conn.writeBuffer).to.have.length(0)
    await client.until(() => client.events.includes('b'))
  })

  it('is not usable while anybody would notice', () => {
    const noticed: Record<string, () => () => void> = {
      'a listener for a flush': () => {
        const listener = () => {}
        conn.on('flush', listener)
        return () => conn.off('flush', listener)
      },
      'a listener for the drain of all': () => {
        const listener = () => {}
        conn.server.on('drain', listener)
        return () => conn.server.off('drain', listener)
      },
      'a listener for each packet': () => {
        const listener = () => {}
        conn.on('packetCreate', listener)
        return () => conn.off('packetCreate', listener)
      },
      'something in the write buffer': () => {
        conn.writeBuffer!.push({})
        return () => conn.writeBuffer!.pop()
      },
      'a transport that is sending': () => {
        transport.writable = false
        return () => {
          transport.writable = true
        }
      },
      'a replaced method of the transport': () => {
        const { _doSend } = transport
        Object.assign(transport, { _doSend() {} })
        return () => Object.assign(transport, { _doSend })
      },
      'a replaced method of the WebSocket': () => {
        Object.assign(transport.socket, { send() {} })
        return () => Reflect.deleteProperty(transport.socket, 'send')
      },
    }
    for (const [what, make] of Object.entries(noticed)) {
      const undo = make()
      expect(writer.isUsable, what).to.equal(false)
      undo()
      expect(writer.isUsable, `${what}, no more`).to.equal(true)
    }
  })

  it('leaves the transport to Engine.IO, to send or while it sends', () => {
    writer.reserve()
    writer.release(true)
    expect(transport.writable).to.equal(false)
    endTick(ended)
    expect(transport.writable).to.equal(true)
    writer.reserve()
    writer.release(false)
    expect(ended).to.deep.equal([])
    expect(transport.writable, 'until Engine.IO has sent').to.equal(false)
  })

  it('writes frames and a marker together, and a marker alone', async () => {
    const pongs: string[] = []
    transport.socket.on!('pong', (payload) => pongs.push(String(payload)))
    writer.reserve()
    writer.write(new FrameBatch(message('2["a"]'), undefined, 1), pingOf(Buffer.from('one')))
    writer.control(pingOf(Buffer.from('two')))
    await eventually(() => pongs.length === 2)
    expect(pongs).to.deep.equal(['one', 'two'])
    expect(client.events).to.include('a')
  })

  it('goes on with the next link while the kernel has not taken all of it', async () => {
    client.stall()
    const large = message(`2["a","${'x'.repeat(1 << 20)}"]`)
    while (writer.idle) {
      writer.reserve()
      writer.write(new FrameBatch(large, undefined, 1))
    }
    writer.detach()
    expect(FrameWriter.for(conn, transport, events)).to.equal(writer)
    client.resume()
    await eventually(() => writer.idle)
    expect(FrameWriter.for(conn, transport, events)).to.not.equal(writer)
  })

  it('is for no client of protocol 3', () => {
    const legacy = new Proxy(conn, {
      get: (target, key) => (key === 'protocol' ? 3 : Reflect.get(target, key)),
    })
    expect(FrameWriter.for(new Proxy(conn, {}), transport, events)).to.not.equal(undefined)
    expect(FrameWriter.for(legacy, transport, events)).to.equal(undefined)
  })
})
