import type { EventEmitter } from 'node:events'
import { connect } from 'node:net'
import {
  frameOf,
  type HostileSocket,
  requestOf,
  text,
  UPGRADE,
} from '../support/clients/hostile-socket.ts'
import { often } from '../support/thorough.ts'
import type { Fault } from './fault.ts'
import { NARROW } from './options.ts'
import type { Stage } from './stage.ts'

const WEBSOCKET = 'EIO=4&transport=websocket'
const HANDSHAKE = requestOf({ query: WEBSOCKET, headers: UPGRADE })
/** Of Engine.IO. */
const MAX_HTTP_BUFFER_SIZE = 1e6
/**
 * What is before the oldest marker is given its time at 2 KB/s while the rate is unknown. The
 * heartbeat takes 45 s at most.
 */
export const STALLED_MS = 100_000
const SLOW_READERS = 3
const PONGS = often({ usually: 100_000, thoroughly: 1_000_000 })
/** Of each of those that reconnect in a loop. */
const RECONNECTS = often({ usually: 12, thoroughly: 40 })
const PONGS_AT_ONCE = 10_000

/** Joined by bytes that it chose itself. */
export async function joined(stage: Stage): Promise<HostileSocket> {
  const socket = await stage.hostile()
  socket.send(HANDSHAKE)
  await stage.expect('a WebSocket', () => socket.packets.length > 0)
  socket.send(text('40'))
  await stage.expect('a CONNECT', () => socket.packets.some((each) => each.startsWith('40')))
  return socket
}

export const clientFaults: readonly Fault[] = [
  {
    name: 'clients stop reading',
    options: () => ({ watermarks: NARROW }),
    async run(stage) {
      const clients = await Promise.all(Array.from({ length: 4 }, () => stage.raw()))
      await stage.rounds(100)
      for (const client of clients) client.stall()
      await stage.expect('all of them closed', () => closed(stage) >= clients.length, STALLED_MS)
    },
  },
  {
    name: 'clients read a byte a second',
    async run(stage) {
      for (let n = 0; n < SLOW_READERS; n++) await openSlowReader(stage)
      await stage.expect('all of them closed', () => closed(stage) >= SLOW_READERS, STALLED_MS)
    },
  },
  {
    name: 'clients close in mid-frame',
    async run(stage) {
      const endings = ['end', 'reset', 'close'] as const
      for (let n = 0; n < 60; n++) {
        const socket = await joined(stage)
        const payload = Buffer.from(`42["echo","${'x'.repeat(n * 40)}"]`)
        socket.send(frameOf({ opcode: 1, payload, cut: 1 + ((n * 37) % payload.length) }))
        socket[endings[n % endings.length]!]()
        // one that says nothing more is taken for alive until its heartbeat
        if (n % endings.length === 0) await stage.expect('its end', () => socket.gone)
      }
    },
  },
  {
    name: 'clients upgrade in mid-burst',
    async run(stage) {
      const burst = () => {
        for (let n = 0; n < 10; n++) stage.load.round()
      }
      stage.io.engine.on('connection', (conn: EventEmitter) => {
        conn.on('upgrading', burst)
        // before ours: what waits for the old transport goes by the new one
        conn.prependListener('upgrade', burst)
      })
      for (let n = 0; n < 10; n++) {
        const guest = await stage.guest(['polling', 'websocket'], `upgrading ${n}`)
        const { engine } = guest.client.io
        await stage.expect('an upgrade', () => engine.transport.name === 'websocket')
        await stage.rounds(20)
        const { won } = stage.load
        await stage.expect('all of it', () => guest.won.lost(won) === guest.won.gaps)
        guest.client.disconnect()
      }
    },
  },
  {
    name: 'clients replace their WebSocket over and over',
    async run(stage) {
      for (let n = 0; n < 40; n++) {
        const socket = await joined(stage)
        const sid = /"sid":"([^"]+)"/.exec(socket.packets[0]!)?.[1]
        const next = await stage.hostile()
        next.send(requestOf({ query: `${WEBSOCKET}&sid=${sid}`, headers: UPGRADE }))
        next.send(text('2probe'))
        next.send(text('5'))
        await stage.rounds(4)
        socket.close()
        next.close()
      }
    },
  },
  {
    name: 'clients reconnect in a loop',
    // one that leaves between two polls is kept until its heartbeat, as without us
    server: { pingInterval: 500, pingTimeout: 10_000 },
    async run(stage) {
      const loops = [['websocket'], ['polling'], ['polling', 'websocket'], ['websocket']]
      await Promise.all(
        loops.map(async (transports) => {
          const guest = await stage.guest(transports)
          for (let n = 1; n <= RECONNECTS; n++) {
            await stage.expect('a connection', () => guest.beginnings >= n)
            if (n % 4 === 0) await stage.rounds(2)
            guest.client.disconnect().connect()
          }
          guest.client.disconnect()
        }),
      )
    },
  },
  {
    name: `a client sends ${PONGS.toLocaleString('en')} pongs`,
    async run(stage) {
      const socket = await joined(stage)
      await stage.rounds(50)
      const own = socket.pings.at(-1) ?? Buffer.alloc(8)
      const pongs = Array.from({ length: PONGS_AT_ONCE }, (_, n) => {
        const payload = Buffer.from(own)
        // those of a marker, of earlier and of later ones, and others
        if (n % 3 > 0) payload.writeUInt32BE((own.readUInt32BE(4) + n - 5000) >>> 0, 4)
        if (n % 3 > 1) payload.writeUInt32BE(n, 0)
        return frameOf({ opcode: 10, payload })
      })
      const bytes = Buffer.concat(pongs)
      for (let sent = 0; sent < PONGS; sent += PONGS_AT_ONCE) {
        socket.send(bytes)
        await socket.drained()
      }
      socket.send(text('420["echo",1]'))
      await stage.expect('the end of it', () => socket.packets.includes('430[1]'), 60_000)
    },
  },
  {
    name: 'clients exhaust maxHttpBufferSize',
    async run(stage) {
      const largest = (bytes: number) => `42["none","${'x'.repeat(bytes - 12)}"]`
      const sizes = [MAX_HTTP_BUFFER_SIZE + 1, 2 * MAX_HTTP_BUFFER_SIZE]
      for (const size of sizes) {
        const whole = await joined(stage)
        whole.send(text(largest(size)))
        await stage.expect('a close', () => whole.gone)
        const announced = await joined(stage)
        announced.send(frameOf({ opcode: 1, payload: Buffer.alloc(9), length: size }))
        await stage.expect('a close', () => announced.gone)
        const parts = await joined(stage)
        for (let sent = 0; sent <= size; sent += size / 10) {
          const opcode = sent === 0 ? 1 : 0
          parts.send(frameOf({ opcode, fin: false, payload: Buffer.alloc(size / 10, 'x') }))
        }
        await stage.expect('a close', () => parts.gone)
        const polling = `${stage.fixture.url}/socket.io/?EIO=4&transport=polling`
        const opened = await fetch(polling)
        const sid = /"sid":"([^"]+)"/.exec(await opened.text())?.[1]
        const session = `${polling}&sid=${sid}`
        const post = await fetch(session, { method: 'POST', body: largest(size) }).catch(
          () => undefined,
        )
        stage.check(`refused: ${post?.status}`, post === undefined || post.status >= 400)
        // the session lives on
        await fetch(session, { method: 'POST', body: '1' })
      }
      // as much as is allowed, again and again
      const greedy = await joined(stage)
      for (let n = 0; n < 20; n++) {
        greedy.send(text(largest(MAX_HTTP_BUFFER_SIZE - 100)))
        await greedy.drained()
      }
      greedy.send(text('420["echo",1]'))
      await stage.expect('an answer', () => greedy.packets.includes('430[1]'))
    },
  },
]

/** For lack of progress, or by the heartbeat, with messages left. */
export function closed({ spillway }: Stage): number {
  const { closings } = spillway.readings
  return closings.stalled + closings['over-limit'] + closings.gone
}

/** From the kernel too it takes a byte at a time. */
async function openSlowReader(stage: Stage): Promise<void> {
  let received = ''
  let slow = false
  const socket = connect({
    port: stage.port,
    host: '127.0.0.1',
    onread: {
      buffer: Buffer.alloc(1),
      callback(_, buffer) {
        if (!slow) received += String.fromCharCode(buffer[0]!)
        else setTimeout(() => socket.resume(), 1000).unref()
        return !slow
      },
    },
  })
  stage.stranger({ close: () => socket.destroy() })
  socket.on('error', () => {})
  socket.write(HANDSHAKE)
  await stage.expect('a WebSocket', () => received.includes('"sid"'))
  socket.write(text('40'))
  await stage.expect('a CONNECT', () => received.includes('40{"sid"'))
  slow = true
}
