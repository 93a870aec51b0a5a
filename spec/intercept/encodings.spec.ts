import { channel as diagnosticsChannel } from 'node:diagnostics_channel'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import type { Server, Socket } from 'socket.io'
import { Adapter } from 'socket.io-adapter'
import * as msgpack from 'socket.io-msgpack-parser'
import * as parser from 'socket.io-parser'
import { Encoding, Encodings } from '../../lib/intercept/encodings.ts'
import type { EnvelopeFields } from '../../lib/message/envelope.ts'
import { makeRule } from '../../lib/message/rule.ts'
import type { SpillwayOptions } from '../../lib/spillway-options.ts'
import { starve } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'
import { type Stage, sideBySide, texts } from '../support/servers/side-by-side.ts'

type Part = string | Uint8Array
interface Conn {
  write(part: Part, options?: object, callback?: () => void): Conn
  on(event: string, listener: () => void): unknown
}

interface Written {
  readonly client: { writeToEngine(parts: Part[], options: object): void }
}

const connOf = (socket: Socket) => socket.conn as unknown as Conn
const encoderOf = (io: Server) => io.encoder as unknown as { encode(packet: object): Part[] }
const packetOf = (...data: unknown[]) => ({ type: 2, nsp: '/', data })

/** Listens until it is called for the first time. */
function firstTime(listener: () => void): () => void {
  let called = false
  return () => {
    if (called) return
    called = true
    listener()
  }
}

/** A parser whose encoder makes something else of the events that Socket.IO's own encodes. */
function parserThat(change: (parts: Part[]) => unknown) {
  class Encoder extends parser.Encoder {
    override encode(packet: parser.Packet): Part[] {
      const parts = super.encode(packet) as Part[]
      const isEvent = packet.type === 2 || packet.type === 5
      return (isEvent ? change(parts) : parts) as Part[]
    }
  }
  return { Encoder, Decoder: parser.Decoder }
}

describe('A packet is recognised by its array of parts', () => {
  describe('when something is emitted in the middle of a broadcast', () => {
    const BROADCAST = Buffer.from('broadcast')
    const NESTED = Buffer.from('nested')

    it('to one, with the same header and another buffer', async () => {
      const [first, ...others] = await sideBySide({
        act: ({ io, sockets }) => {
          sockets[1]!.onAnyOutgoing(firstTime(() => sockets[0]!.emit('frame', NESTED)))
          io.emit('frame', BROADCAST)
        },
      })
      expect(texts(first!).filter((text) => text.startsWith('('))).to.deep.equal([
        '(broadcast)',
        '(nested)',
      ])
      for (const other of others) expect(texts(other)[1]).to.equal('(broadcast)')
    })

    it('to all, with the same text', async () => {
      await sideBySide({
        act: ({ io, sockets }) => {
          sockets[1]!.onAnyOutgoing(firstTime(() => io.emit('frame', 'same')))
          io.emit('frame', 'same')
        },
      })
    })

    it('by a listener of a connection, to itself and to all', async () => {
      await sideBySide({
        act: ({ io, sockets }) => {
          connOf(sockets[1]!).on(
            'packetCreate',
            firstTime(() => {
              sockets[1]!.emit('frame', NESTED)
              io.emit('frame', NESTED)
            }),
          )
          io.emit('frame', BROADCAST)
        },
      })
    })

    it('at each recipient, three deep', async () => {
      await sideBySide({
        clients: 4,
        act: ({ io, sockets }) => {
          let depth = 0
          for (const socket of sockets) {
            socket.onAnyOutgoing(() => {
              if (depth === 3) return
              depth++
              io.except(socket.id).emit('frame', Buffer.from(`nested ${depth}`))
              depth--
            })
          }
          io.emit('frame', BROADCAST)
        },
      })
    })

    it('with a parser of the application, in whose headers nothing differs', async () => {
      await sideBySide({
        serverOptions: () => ({
          parser: parserThat(([header, ...rest]) => ['same', Buffer.from(header!), ...rest]),
        }),
        act: ({ io, sockets }) => {
          sockets[0]!.onAnyOutgoing(firstTime(() => sockets[2]!.emit('other', 'nested')))
          io.emit('frame', 'broadcast')
          io.emit('frame', 'another')
        },
      })
    })

    it('with the msgpack parser', async () => {
      const received = async (options: SpillwayOptions | 'plain') => {
        const { io, client, close } = await startServer(options, { parser: msgpack })
        try {
          const clients = []
          for (let n = 0; n < 3; n++) clients.push(await client({ parser: msgpack }))
          const got = clients.map((each) => {
            const texts: string[] = []
            each.on('frame', (data: Uint8Array) => texts.push(Buffer.from(data).toString()))
            return texts
          })
          const done = clients.map((each) => new Promise((resolve) => each.once('done', resolve)))
          const [first, , last] = clients.map(({ id }) => io.sockets.sockets.get(id!)!)
          first!.onAnyOutgoing(firstTime(() => last!.emit('frame', NESTED)))
          io.emit('frame', BROADCAST)
          io.emit('done')
          await Promise.all(done)
          return got
        } finally {
          await close()
        }
      }
      const plain = await received('plain')
      expect(plain).to.deep.equal([['broadcast'], ['broadcast'], ['nested', 'broadcast']])
      expect(await received({})).to.deep.equal(plain)
    })

    it('by a subscriber of what the plugin itself tells', async () => {
      const { io, spillway, raw, close } = await startServer({ messages })
      const clients = [await raw(), await raw(), await raw()]
      const nest = firstTime(() => [...io.sockets.sockets.values()][0]!.emit('frame', NESTED))
      const channel = diagnosticsChannel('spillway:message:sent')
      channel.subscribe(nest)
      try {
        io.emit('frame', BROADCAST)
        io.emit('done')
        for (const client of clients) await client.until(() => client.events.includes('done'))
        const buffers = clients.map(({ frames }) => texts(frames.filter(Buffer.isBuffer)))
        expect(buffers[0]).to.have.members(['(broadcast)', '(nested)'])
        expect(buffers.slice(1)).to.deep.equal([['(broadcast)'], ['(broadcast)']])
        expect(spillway!.stats().classes.critical.undelivered.messages).to.equal(0)
      } finally {
        channel.unsubscribe(nest)
        await close()
      }
    })
  })

  describe('when somebody else has wrapped the write of a connection', () => {
    /** @param wrap gets the write beneath */
    const wrapping = (wrap: (write: Conn['write'], stage: Stage) => Conn['write']) =>
      sideBySide({
        act: (stage) => {
          const { io, sockets } = stage
          const conn = connOf(sockets[1]!)
          conn.write = wrap(conn.write.bind(conn), stage)
          io.emit('text', 'one')
          io.emit('frame', Buffer.from('a'), Buffer.from('b'))
          sockets[1]!.emit('frame', Buffer.from('c'))
          io.emit('text', 'two')
        },
      })

    it('and emits before it passes a part on', () =>
      wrapping((write, { sockets }) => {
        let isNested = false
        return (...args) => {
          if (!isNested) {
            isNested = true
            sockets[0]!.emit('frame', Buffer.from('nested'))
            sockets[2]!.emit('text', 'nested')
            isNested = false
          }
          return write(...args)
        }
      }))

    it('and changes a header, an attachment, or the text', async () => {
      await wrapping((write) => (part, ...rest) => {
        return write(typeof part === 'string' ? part.replace('text', 'TEXT') : part, ...rest)
      })
      await wrapping((write) => (part, ...rest) => {
        return write(typeof part === 'string' ? part : Buffer.from(`${part}!`), ...rest)
      })
    })

    it('and leaves out the last part, or the first, or one between', async () => {
      const without = (left: string) =>
        wrapping((write, { sockets }) => (part, ...rest) => {
          const isLeft = String(part).includes(left)
          return isLeft ? (sockets[1]!.conn as unknown as Conn) : write(part, ...rest)
        })
      for (const left of ['a', 'b', 'frame', 'c']) await without(left)
    })

    it('and writes a part to others as well', () =>
      wrapping((write, { sockets }) => (...args) => {
        connOf(sockets[0]!).write(args[0])
        return write(...args)
      }))

    it('and passes on other options, for each part its own', () =>
      wrapping((write) => (part, options) => write(part, { ...options })))

    it('and throws at the attachment', async () => {
      await sideBySide({
        act: ({ io, sockets }) => {
          const conn = connOf(sockets[0]!)
          const { write } = conn
          conn.write = function (part, ...rest) {
            if (String(part) === 'b') throw new Error('refused')
            return write.call(this, part, ...rest)
          }
          expect(() => io.emit('frame', Buffer.from('a'), Buffer.from('b'))).to.throw('refused')
          sockets[0]!.emit('frame', Buffer.from('c'))
        },
      })
    })
  })

  describe('when the same value is written twice', () => {
    it('with other options each time', async () => {
      await sideBySide({
        clients: 2,
        act: ({ io, sockets }) => {
          const buffer = Buffer.from('same')
          const told: unknown[] = []
          sockets[0]!.conn.on('packetCreate', ({ data, options }) => {
            const { wsPreEncodedFrame, ...rest } = options
            told.push([String(data), rest, wsPreEncodedFrame !== undefined])
          })
          for (const value of [buffer, 'same']) {
            io.emit('frame', value)
            io.compress(false).emit('frame', value)
            sockets[0]!.compress(false).emit('frame', value)
            sockets[0]!.emit('frame', value)
            sockets[1]!.volatile.emit('frame', value)
          }
          const compressed = told.map(
            (each) => (each as [string, { compress: boolean }])[1].compress,
          )
          const perValue = [true, false, false, true]
          expect(compressed).to.deep.equal([
            ...perValue.flatMap((each) => [each, each]),
            ...perValue,
          ])
        },
      })
    })

    it('by Socket.IO and past it', async () => {
      await sideBySide({
        act: ({ io, sockets }) => {
          const [header, buffer] = encoderOf(io).encode(packetOf('frame', Buffer.from('x')))
          io.emit('frame', Buffer.from('y'))
          connOf(sockets[0]!).write(header!)
          connOf(sockets[0]!).write(buffer!)
          io.emit('frame', Buffer.from('z'))
        },
      })
    })
  })

  describe('when a parser', () => {
    const emitting = (change: (parts: Part[]) => unknown) =>
      sideBySide({
        serverOptions: () => ({ parser: parserThat(change) }),
        act: ({ io, sockets }) => {
          for (let n = 0; n < 3; n++) {
            io.emit('text', n)
            sockets[0]!.emit('frame', Buffer.from(`${n}`), Buffer.from('b'))
          }
        },
      })

    it('returns frozen arrays', () => emitting(Object.freeze))

    it('uses one array for all', () => {
      const scratch: Part[] = []
      return emitting((parts) => {
        scratch.splice(0, scratch.length, ...parts)
        return scratch
      })
    })

    it('returns one and the same array again', () => {
      const cache = new Map<string, Part[]>()
      return emitting((parts) => {
        const key = String(parts[0])
        if (!cache.has(key)) cache.set(key, parts)
        return cache.get(key)
      })
    })

    it('returns an array of a kind of its own', () =>
      emitting((parts) => {
        class Parts extends Array<Part> {}
        return Parts.from(parts)
      }))

    it('returns nothing to write, or a single part without an array', async () => {
      await emitting((parts) => (parts.length > 1 ? [] : parts))
      await sideBySide({
        serverOptions: () => ({ parser: parserThat((parts) => Buffer.from(parts[0]!)) }),
        act: ({ sockets }) => sockets[0]!.emit('text', 1),
      })
      await sideBySide({
        serverOptions: () => ({ parser: parserThat((parts) => parts[0]) }),
        act: ({ sockets }) => sockets[0]!.emit('text', 1),
      })
    })
  })

  it('when a parser uses one array for all, also what waits for a starved client', async () => {
    const scratch: Part[] = []
    const shared = parserThat((parts) => {
      scratch.splice(0, scratch.length, ...parts)
      return scratch
    })
    const fixture = await startServer({ messages }, { parser: shared })
    try {
      const client = await fixture.raw()
      starve(fixture, client)
      for (let n = 0; n < 5; n++) fixture.io.emit('reel:frame', { n })
      client.resume()
      await client.until(() => client.received('reel:frame').length === 5)
      const got = client.received<{ n: number }>('reel:frame').map(({ n }) => n)
      expect(got).to.deep.equal([0, 1, 2, 3, 4])
    } finally {
      await fixture.close()
    }
  })

  describe('when an application or an adapter writes what it has encoded', () => {
    it('part by part, in each way of walking an array', async () => {
      await sideBySide({
        clients: 1,
        act: ({ io, sockets }) => {
          const conn = connOf(sockets[0]!)
          const encode = () =>
            encoderOf(io).encode(packetOf('frame', Buffer.from('a'), Buffer.from('b')))
          for (const part of encode()) conn.write(part)
          for (const part of [...encode()]) conn.write(part)
          for (const part of encode()) conn.write(part, { compress: false }, () => {})
          encode().forEach((part) => {
            conn.write(part)
          })
          const [header, ...attachments] = encode()
          conn.write(header!)
          for (const part of attachments) conn.write(part)
          const walk = encode()[Symbol.iterator]()
          for (let step = walk.next(); !step.done; step = walk.next()) conn.write(step.value)
          const [one, two] = [encode()[Symbol.iterator](), encode()[Symbol.iterator]()]
          for (let n = 0; n < 3; n++) {
            conn.write(one.next().value!)
            conn.write(two.next().value!)
          }
          conn.write(encode()[Symbol.iterator]().next().value!)
          for (const part of encode()) {
            conn.write(part)
            break
          }
        },
      })
    })

    it('after it has changed the array', async () => {
      await sideBySide({
        clients: 1,
        act: ({ io, sockets }) => {
          const { client } = sockets[0] as unknown as Written
          const write = (change: (parts: Part[]) => unknown) => {
            const parts = encoderOf(io).encode(
              packetOf('frame', Buffer.from('a'), Buffer.from('b')),
            )
            change(parts)
            client.writeToEngine(parts, {})
          }
          write((parts) => parts.push('more'))
          write((parts) => parts.pop())
          write((parts) => parts.splice(0, parts.length))
          write((parts) => parts.reverse())
          write((parts) => {
            parts[1] = Buffer.from('c')
          })
        },
      })
    })

    /** Sends to a few sockets a turn of the loop. */
    class PatientAdapter extends Adapter {
      override broadcast(packet: object, options: { flags?: object }): void {
        const own = this as unknown as {
          encoder: { encode(packet: object): Part[] }
          apply(options: object, callback: (socket: Written) => void): void
        }
        const parts = own.encoder.encode({ ...packet, nsp: '/' })
        const sockets: Written[] = []
        own.apply(options, (socket) => sockets.push(socket))
        const flags = { ...options.flags }
        void (async () => {
          for (const socket of sockets) {
            await turn()
            socket.client.writeToEngine(parts, flags)
          }
        })()
      }
    }

    it('in a later turn of the loop, where it has its class still', async () => {
      const serverOptions = () => ({ adapter: PatientAdapter as never })
      await sideBySide({
        serverOptions,
        act: async ({ io, clients }) => {
          io.emit('reel:frame', { n: 1 })
          io.emit('frame', Buffer.from('x'))
          for (const client of clients) await client.until(() => client.events.length === 3)
        },
      })
      const { io, raw, spillway, close } = await startServer({ messages }, serverOptions())
      try {
        const client = await raw()
        io.emit('reel:frame', { n: 1 })
        await client.until(() => client.events.length === 1)
        expect(spillway!.stats().classes.cosmetic.sent.messages).to.equal(1)
      } finally {
        await close()
      }
    })

    /** Writes to its sockets by itself. */
    class DirectAdapter extends Adapter {
      override broadcast(packet: object): void {
        const own = this as unknown as {
          _encode(packet: object, options: object): Part[]
          nsp: { sockets: Map<string, Written> }
        }
        const options = {}
        const parts = own._encode({ ...packet, nsp: '/' }, options)
        const [first] = own.nsp.sockets.values()
        first?.client.writeToEngine(parts, options)
      }
    }

    it('without looking up recipients, which are then looked up for something else', async () => {
      await sideBySide({
        serverOptions: () => ({ adapter: DirectAdapter as never }),
        act: async ({ io }) => {
          // an adapter is tapped when it first broadcasts
          io.emit('text', 0)
          io.emit('text', 1)
          expect(await io.fetchSockets()).to.have.length(3)
          io.emit('text', 2)
          io.socketsJoin('room')
          expect(await io.in('room').fetchSockets()).to.have.length(3)
        },
      })
    })
  })

  describe('when a broadcast goes to many', () => {
    /** More than are always sent a broadcast where it is emitted. */
    const MANY = 110

    it('in whose middle others emit, write, leave and are looked up', async () => {
      await sideBySide({
        clients: MANY,
        act: async ({ io, sockets }) => {
          io.emit('text', 'first')
          const conn = connOf(sockets[30]!)
          const { write } = conn
          conn.write = function (part, ...rest) {
            connOf(sockets[5]!).write('past Socket.IO')
            return write.call(this, part, ...rest)
          }
          io.emit('text', 'one')
          io.emit('text', 'two')
          sockets[70]!.onAnyOutgoing(
            firstTime(() => {
              io.emit('text', 'nested')
              sockets[10]!.emit('text', 'nested to one')
              sockets[90]!.emit('text', 'nested to one')
              sockets[20]!.disconnect()
              sockets[95]!.disconnect()
            }),
          )
          io.emit('text', 'three')
          expect(await io.fetchSockets()).to.have.length(MANY - 2)
          io.except(sockets[1]!.id).emit('text', 'four')
          sockets[1]!.emit('text', 'last')
        },
      })
    })

    /** Does more than to write, and not only to its sockets. */
    class CountingAdapter extends Adapter {
      override broadcast(packet: object, options: object): void {
        const own = this as unknown as {
          _encode(packet: object, options: object): Part[]
          apply(options: object, callback: (socket: Written) => void): void
        }
        const flags = {}
        const parts = own._encode({ ...packet, nsp: '/' }, flags)
        let count = 0
        own.apply(options, (socket) => {
          if (++count % 2 === 0) socket.client.writeToEngine(parts, flags)
          if (count === 100) socket.client.writeToEngine(parts, { ...flags })
        })
        expect(count).to.equal(MANY)
      }
    }

    it('by an adapter that does more than to write to each', async () => {
      await sideBySide({
        clients: MANY,
        serverOptions: () => ({ adapter: CountingAdapter as never }),
        act: async ({ io }) => {
          for (let n = 0; n < 3; n++) io.emit('text', n)
          expect(await io.fetchSockets()).to.have.length(MANY)
        },
      })
    })
  })

  it('which is one for everybody else', async () => {
    const { io, close } = await startServer({ messages })
    try {
      const parts = encoderOf(io).encode(packetOf('text', 1))
      expect(Array.isArray(parts)).to.equal(true)
      expect(parts).to.have.length(1)
      expect([...parts, ...parts]).to.deep.equal(['2["text",1]', '2["text",1]'])
      expect(JSON.stringify(parts)).to.equal(JSON.stringify(['2["text",1]']))
      expect(Object.keys(parts)).to.deep.equal(['0'])
      for (const derived of [parts.slice(), parts.map(String), parts.concat(parts)]) {
        expect(Object.getPrototypeOf(derived)).to.equal(Array.prototype)
      }
      const walk = parts[Symbol.iterator]()
      expect({ ...walk.next() }).to.deep.equal({ done: false, value: '2["text",1]' })
      expect(walk.next().done).to.equal(true)
      expect(walk.next().done).to.equal(true)
    } finally {
      await close()
    }
  })

  it('of which nothing is kept for what was shed, in the same tick', async () => {
    const fixture: Fixture = await startServer({ messages })
    try {
      const client = await fixture.raw()
      starve(fixture, client)
      setFlagsFromString('--expose-gc')
      const collect = runInNewContext('gc') as () => void
      while (fixture.spillway!.stats().classes.cosmetic.dropped.messages === 0) {
        fixture.io.emit('reel:frame', { n: 0, pad })
      }
      collect()
      const before = process.memoryUsage().heapUsed
      const text = 'y'.repeat(1024 * 1024)
      for (let n = 0; n < 100; n++) fixture.io.emit('reel:frame', { n, pad: text })
      collect()
      expect(process.memoryUsage().heapUsed - before).to.be.below(20 * 1024 * 1024)
      expect(fixture.spillway!.stats().classes.cosmetic.dropped.messages).to.be.above(99)
    } finally {
      await fixture.close()
    }
  })
})

describe('Encodings', () => {
  const strays: unknown[] = []
  const encodings = new Encodings((_conn, part) => strays.push(part))
  const conn = {}
  const options = {}

  const add = (...parts: Part[]) => {
    const rule = makeRule('test', '/', { class: 'critical' })
    const fields: EnvelopeFields = { rule, kind: 'event', namespace: '/', parts, emittedAt: 0 }
    return { parts: encodings.add(new Encoding(fields, 0, false)), fields }
  }
  const take = (part: Part, to: object = conn) => {
    const taken = encodings.take(to, part, options, undefined)
    return typeof taken === 'object' ? taken.fields : taken
  }

  afterEach(() => {
    expect(strays.splice(0)).to.deep.equal([])
  })

  it('take each announcement once', () => {
    const { parts, fields } = add('a')
    for (const part of parts) {
      expect(take(part)).to.equal(fields)
      expect(take(part)).to.equal(undefined)
    }
    expect(take('a')).to.equal(undefined)
  })

  it('take nothing that was announced in an iteration which has ended', () => {
    const { parts } = add('a', 'b')
    for (const _ of parts) break
    expect(take('a')).to.equal(undefined)
    void [...parts]
    expect(take('b')).to.equal(undefined)
    expect(() => {
      for (const _ of parts) throw new Error('abandoned')
    }).to.throw('abandoned')
    expect(take('a')).to.equal(undefined)
  })

  it('take what was announced before and after a nested iteration', () => {
    const [outer, inner] = [add('a', 'b'), add('a', 'b')]
    const other = {}
    for (const part of outer.parts) {
      const isLast = part === 'b'
      for (const nested of inner.parts) {
        expect(take(nested, other)).to.equal(nested === 'b' ? inner.fields : 'part')
      }
      expect(take(part)).to.equal(isLast ? outer.fields : 'part')
      for (const _ of inner.parts) break
    }
  })

  it('tell of the parts of a packet that was not written as a whole', () => {
    const { parts } = add('a', 'b', 'c')
    for (const part of parts) {
      if (part === 'c') break
      expect(take(part)).to.equal('part')
    }
    expect(strays.splice(0)).to.deep.equal(['a', 'b'])
    for (const part of parts) take(part === 'b' ? 'changed' : part)
    expect(strays.splice(0)).to.deep.equal(['a'])
    for (const part of parts) take(part, part === 'c' ? {} : conn)
    expect(strays.splice(0)).to.deep.equal(['a', 'b'])
  })

  it('let go of iterations that nobody finishes', async () => {
    const abandoned = add('a')
    for (let n = 0; n < 3; n++) abandoned.parts[Symbol.iterator]().next()
    const incomplete = add('b', 'c')
    expect(take(incomplete.parts[Symbol.iterator]().next().value!)).to.equal('part')
    await Promise.resolve()
    expect(strays.splice(0)).to.deep.equal(['b'])
    expect(take('a')).to.equal(undefined)
  })

  it('keep the order of what a connection is sent between the parts of a packet', () => {
    const { parts } = add('a', 'b')
    for (const part of parts) {
      take(part)
      if (part === 'a') expect(take('other')).to.equal(undefined)
      expect(strays.splice(0)).to.deep.equal(part === 'a' ? ['a'] : [])
    }
  })

  it('take an iteration that goes on when another one has begun', () => {
    const [one, two] = [add('a'), add('b')]
    const [first, second] = [one.parts[Symbol.iterator](), two.parts[Symbol.iterator]()]
    first.next()
    second.next()
    expect(first.next().done).to.equal(true)
    expect(take('b')).to.equal(two.fields)
    expect(take('a')).to.equal(undefined)
    expect(second.next().done).to.equal(true)
  })
})
