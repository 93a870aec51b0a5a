import { expect } from 'chai'
import type { Server, Socket } from 'socket.io'
import { Decoder, Encoder } from 'socket.io-parser'
import { attach } from '../../lib/attach.ts'
import { traceOf } from '../socketio/support/traces.ts'
import { messages, pad } from '../support/messages.ts'
import { type Fixture, type RawClient, startServer } from '../support/servers/server.ts'

/** With private state, that no object in its place has. */
class CountingEncoder extends Encoder {
  #count = 0

  get count(): number {
    return this.#count
  }

  override encode(packet: Parameters<Encoder['encode']>[0]): unknown[] {
    this.#count++
    return super.encode(packet) as unknown[]
  }
}

class FrozenEncoder extends CountingEncoder {
  constructor() {
    super()
    Object.freeze(this)
  }
}

const encoderOf = (io: Server) => Reflect.get(io, 'encoder') as unknown as Encoder
const fixed = { configurable: false, writable: false }

/** Ways in which an encoder does not let itself be replaced, before anybody connects or later. */
const FROZEN: Readonly<Record<string, (io: Server) => void>> = {
  'an encoder that freezes itself': () => {},
  'a frozen encoder': (io) => void Object.freeze(encoderOf(io)),
  'an encoder whose encode is fixed': (io) => {
    const encoder = encoderOf(io)
    Object.defineProperty(encoder, 'encode', { value: encoder.encode.bind(encoder), ...fixed })
  },
  'an encoder that takes no properties': (io) => void Object.preventExtensions(encoderOf(io)),
}

describe('With', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  /** Everything that encodes: broadcasts, single messages, attachments, answers, another namespace. */
  async function play(io: Server, client: RawClient): Promise<string[]> {
    const [socket] = io.sockets.sockets.values() as unknown as [Socket]
    const before = client.frames.length
    io.emit('jackpot:won', { n: 1, pad })
    socket.emit('reel:frame', { n: 2 })
    io.local.emit('blob', { n: 3, data: Buffer.from('data') })
    await client.join('/other')
    io.of('/other').emit('odds:now', { n: 4, table: 'a' })
    socket.timeout(1000).emit('jackpot:won', { n: 5 }, () => {})
    client.send('420["question"]')
    await client.until(() => client.frames.some((frame) => String(frame).startsWith('430')))
    io.emit('last')
    await client.until(() => client.events.at(-1) === 'last')
    const frames = client.frames.slice(before).filter((frame) => !String(frame).startsWith('40'))
    return frames.map(String)
  }

  for (const [name, freeze] of Object.entries(FROZEN)) {
    for (const late of [false, true]) {
      it(`${name} everything goes as without the plugin, ${late ? 'to clients of before' : 'to whoever comes'}`, async () => {
        const isOwn = name === 'an encoder that freezes itself'
        const parser = { Encoder: isOwn ? FrozenEncoder : CountingEncoder, Decoder }
        const seen: string[][] = []
        for (const isPlain of [true, false]) {
          fixture = await startServer('plain', { parser })
          const { io } = fixture
          io.of('/other')
          io.on('connection', (socket) => socket.on('question', (answer) => answer('yes')))
          freeze(io)
          const encoder = encoderOf(io) as CountingEncoder
          const early = late ? await fixture.raw() : undefined
          const before = traceOf(io.sockets.adapter)
          const spillway = isPlain ? undefined : attach(io, { messages })
          const client = early ?? (await fixture.raw())
          seen.push(await play(io, client))
          if (spillway) {
            const { classes } = spillway.stats()
            expect(classes.cosmetic.sent.messages, 'cosmetic').to.equal(2)
            expect(encoder.count).to.be.greaterThan(5)
            spillway.close()
            expect(encoderOf(io), 'put back').to.equal(encoder)
            expect(traceOf(io.sockets.adapter)).to.deep.equal(before)
            const { client: socketsClient } = [...io.sockets.sockets.values()][0]!
            expect(Reflect.get(socketsClient, 'encoder')).to.equal(encoder)
            io.emit('after close')
            await client.until(() => client.events.at(-1) === 'after close')
          }
          await fixture.close()
        }
        expect(seen[1]).to.deep.equal(seen[0])
      })
    }
  }

  it('a frozen encoder, what somebody has wrapped meanwhile goes on after close', async () => {
    fixture = await startServer('plain')
    const { io } = fixture
    Object.freeze(encoderOf(io))
    const client = await fixture.raw()
    const spillway = attach(io, { messages })
    const encoder = encoderOf(io)
    const { encode } = encoder
    let calls = 0
    encoder.encode = (packet) => {
      calls++
      return encode.call(encoder, packet)
    }
    io.emit('jackpot:won', { n: 1 })
    spillway.close()
    io.emit('jackpot:won', { n: 2 })
    await client.until(() => client.received('jackpot:won').length === 2)
    expect(calls).to.equal(2)
    const again = attach(io, { messages })
    io.emit('reel:frame', { n: 3 })
    expect(again.stats().classes.cosmetic.sent.messages).to.equal(1)
    expect(calls).to.equal(3)
    again.close()
    io.emit('reel:frame', { n: 4 })
    await client.until(() => client.received('reel:frame').length === 2)
    expect(calls).to.equal(4)
  })
})
