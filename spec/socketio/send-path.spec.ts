import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import type { Socket } from 'socket.io'
import { attach } from '../../lib/attach.ts'
import { MiB } from '../../lib/base/units.ts'
import { messages } from '../support/messages.ts'
import { type Fixture, type RawClient, startServer } from '../support/servers/server.ts'
import { TLS_CLIENT, tlsServer } from '../support/servers/tls.ts'
import { OWN, REPLACED, replace, textsOf, type Way, type Whose, wayOf } from './support/replaced.ts'

/** What is emitted, a tick each. */
const TICKS: ReadonlyArray<(socket: Socket, fixture: Fixture) => void> = [
  (socket) => void socket.emit('jackpot:won', { n: 'message-1' }),
  (_, { io }) => void io.emit('jackpot:won', { n: 'message-2' }),
  (socket, { io }) => {
    io.emit('reel:frame', { n: 'message-3' })
    socket.emit('jackpot:won', { n: 'message-4' })
    io.emit('jackpot:won', { n: 'message-5' })
  },
  (socket) => void socket.emit('blob', { n: 'message-6', data: Buffer.from('message-7') }),
  (socket) => void socket.conn.write('2["raw","message-8"]'),
]
const LAST = 9

const run = promisify(execFile)

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

async function idle(socket: Socket): Promise<void> {
  const { conn } = socket as unknown as {
    conn: { writeBuffer: unknown[]; transport: { writable: boolean } }
  }
  const isIdle = () => conn.writeBuffer.length === 0 && conn.transport.writable
  for (let turns = 0; turns < 3; turns = isIdle() ? turns + 1 : 0) await nextTurn()
}

type Moment = 'before attach' | 'before it connects' | 'when it is connected'

interface Case {
  readonly whose: Whose
  readonly moment: Moment
  readonly tls?: boolean
}

/** Plays the same without the plugin and with it. */
class Stage {
  fixture!: Fixture
  client!: RawClient
  socket!: Socket
  readonly #undo: Array<() => void> = []

  async open(isPlain: boolean, { moment, tls }: Case, replaceIn: (way: Way) => void) {
    const isEarly = moment === 'before attach'
    const options = isPlain || isEarly ? 'plain' : { messages }
    this.fixture = await startServer(options, {}, tls ? tlsServer() : createServer())
    if (moment === 'before it connects') {
      this.fixture.io.engine.prependListener('connection', (conn: Socket['conn']) => {
        replaceIn(wayOf({ conn } as unknown as Socket))
      })
    }
    const connected = once(this.fixture.io, 'connection') as Promise<[Socket]>
    this.client = await this.fixture.raw(tls ? { ws: TLS_CLIENT } : {})
    ;[this.socket] = await connected
    if (moment !== 'before it connects') replaceIn(wayOf(this.socket))
    if (isEarly && !isPlain) {
      const spillway = attach(this.fixture.io, { messages })
      this.#undo.push(() => spillway.close())
    }
    await idle(this.socket)
  }

  undone(undo: () => void): void {
    this.#undo.push(undo)
  }

  async close(): Promise<void> {
    for (const undo of this.#undo.splice(0)) undo()
    await this.fixture.close()
  }

  /** What the client has received, to the last message. */
  async received(): Promise<string[]> {
    const { client, socket } = this
    socket.emit('jackpot:won', { n: `message-${LAST}` })
    await client.until(() =>
      client.frames.some((frame) => String(frame).includes(`message-${LAST}"`)),
    )
    return textsOf(client.frames)
  }
}

async function play(isPlain: boolean, each: Case, [of, method]: (typeof REPLACED)[number]) {
  const stage = new Stage()
  const seen: string[] = []
  try {
    await stage.open(isPlain, each, (way) => {
      if (stage.socket === undefined || each.moment !== 'before it connects') {
        stage.undone(replace(way[of], method, each.whose, seen))
      }
    })
    seen.length = 0
    for (const tick of TICKS) {
      tick(stage.socket, stage.fixture)
      await idle(stage.socket)
    }
    const received = await stage.received()
    await idle(stage.socket)
    return { seen, received }
  } finally {
    await stage.close()
  }
}

describe('Below conn.write, a method that somebody else has replaced', function () {
  this.timeout(30_000)

  for (const moment of ['before attach', 'before it connects', 'when it is connected'] as const) {
    for (const whose of ['its own', 'of its class', 'of all'] as const) {
      for (const tls of [false, true]) {
        it(`${whose}, ${moment}, sees what it sees without the plugin${tls ? ', over TLS' : ''}`, async () => {
          const each = { moment, whose, tls }
          for (const replaced of whose === 'its own' ? [...REPLACED, ...OWN] : REPLACED) {
            const plain = await play(true, each, replaced)
            const plugin = await play(false, each, replaced)
            const where = replaced.join('.')
            expect(plugin.seen, where).to.deep.equal(plain.seen)
            expect(plugin.received, where).to.deep.equal(plain.received)
          }
        })
      }
    }
  }

  for (const name of [
    'conn.sendPacket',
    'transport.send',
    'sender.sendFrame',
    'tcp._writev',
    'emitter',
  ]) {
    it(`before the plugin was loaded sees each message: ${name}`, async () => {
      const script = fileURLToPath(new URL('support/replaced-first.ts', import.meta.url))
      const { stdout } = await run(process.execPath, ['--import=tsx', script, name])
      expect(JSON.parse(stdout)).to.deep.equal(['message-1', 'message-2', 'message-3'])
    })
  }

  /** Replaced and put back in the middle of a tick, while a client keeps up or takes nothing. */
  const AMID: ReadonlyArray<(typeof REPLACED)[number]> = [
    ['conn', 'write'],
    ['conn', 'sendPacket'],
    ['conn', 'flush'],
    ['transport', 'send'],
    ['sender', 'sendFrame'],
    ['tcp', 'write'],
  ]
  for (const taking of [true, false]) {
    it(`in the middle of a tick sees what follows, of a client that takes ${taking ? 'all' : 'nothing'}`, async () => {
      for (const [of, method] of AMID) {
        for (const before of taking ? [0, 1, 2] : [1]) {
          for (const after of taking ? [1, 2] : [1]) {
            const each = { of, method, before, after, taking }
            const plain = await switchAmid(true, each)
            const plugin = await switchAmid(false, each)
            const where = `${of}.${method}, ${before} before, ${after} after`
            expect(plugin.received, where).to.deep.equal(plain.received)
            // what was held back until then may be seen too; what waits for the client, later
            if (taking) expect(plugin.seen, where).to.include.members(plain.seen)
            expect(new Set(plugin.seen).size, where).to.equal(plugin.seen.length)
          }
        }
      }
    })
  }
})

interface Switched {
  readonly seen: readonly string[]
  readonly received: readonly string[]
}

interface Amid {
  readonly of: keyof Way
  readonly method: string
  readonly before: number
  readonly after: number
  readonly taking: boolean
}

const isMessage = (text: string) => text.startsWith('message-')

async function switchAmid(
  isPlain: boolean,
  { of, method, before, after, taking }: Amid,
): Promise<Switched> {
  const stage = new Stage()
  const seen: string[] = []
  try {
    await stage.open(isPlain, { whose: 'its own', moment: 'when it is connected' }, () => {})
    const { socket, client, fixture } = stage
    let n = 100
    const emit = (count: number) => {
      for (let times = 0; times < count; times++) {
        fixture.io.emit('jackpot:won', { n: `message-${n++}` })
      }
    }
    if (!taking) {
      client.stall()
      socket.emit('jackpot:won', { n: 'x'.repeat(8 * MiB) })
      await nextTurn()
    }
    for (let round = 0; round < 3; round++) {
      emit(before)
      const undo = replace(wayOf(socket)[of], method, 'its own', seen)
      emit(after)
      if (round > 0) await nextTurn()
      if (round > 1) emit(1)
      undo()
      emit(1)
      await nextTurn()
    }
    if (!taking) client.resume()
    return { seen: seen.filter(isMessage), received: await stage.received() }
  } finally {
    await stage.close()
  }
}
