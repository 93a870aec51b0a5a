import { once } from 'node:events'
import { expect } from 'chai'
import { type Counted, METRICS } from '../../lib/metrics/catalogue.ts'
import type { ClosedClient } from '../../schemas/stats.ts'
import {
  frameOf,
  HostileSocket,
  requestOf,
  text,
  UPGRADE,
} from '../support/clients/hostile-socket.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const KiB = 1024
const watermarks = { low: 32 * KiB, high: 64 * KiB, limit: 256 * KiB, emergency: 64 * 1024 * KiB }

const pong = (payload: Uint8Array) => frameOf({ opcode: 10, payload })

/** Payloads that somebody can make who has read one marker and none of those that follow. */
const FORGERIES: Readonly<Record<string, (read: Buffer, round: number) => Buffer>> = {
  'what it has read': (read) => read,
  'numbers that follow': (read, round) => {
    const payload = Buffer.from(read)
    payload.writeUInt32BE((read.readUInt32BE(read.length - 4) + round) >>> 0, read.length - 4)
    return payload
  },
  'numbers from one on': (read, round) => {
    const payload = Buffer.alloc(read.length)
    read.copy(payload, 0, 0, 4)
    payload.writeUInt32BE(round, payload.length - 4)
    return payload
  },
  'the tag alone': (read) => read.subarray(0, 4),
  'no tag': (read) => read.subarray(4),
  anything: (read) => Buffer.from(read.map(() => Math.floor(Math.random() * 256))),
}

describe('Answers to markers', () => {
  let fixture: Fixture
  let tcp: HostileSocket | undefined

  afterEach(async () => {
    tcp?.close()
    tcp = undefined
    await fixture.close()
  })

  /** A client that has answered the first marker, reads no more, and is owed more than `limit`. */
  async function hog(): Promise<{ tcp: HostileSocket; read: Buffer }> {
    fixture = await startServer({ watermarks, stallAfter: 300, grace: 0 })
    tcp = await HostileSocket.open(fixture.port)
    tcp.send(requestOf({ query: 'EIO=4&transport=websocket', headers: UPGRADE }))
    await tcp.until(() => tcp!.packets.length > 0)
    tcp.send(text('40'))
    await eventually(() => fixture.io.sockets.sockets.size === 1)
    fixture.io.emit('hello')
    const { pings } = tcp
    await eventually(() => pings.length > 0)
    const read = pings[0]!
    tcp.send(pong(read))
    tcp.pause()
    await eventually(() => [...fixture.spillway!.clients()][0]!.rtt !== null)
    return { tcp, read }
  }

  function owe(): void {
    for (let sent = 0; sent < 8 * KiB * KiB; sent += 64 * KiB) {
      fixture.io.emit('critical', 'x'.repeat(64 * KiB))
    }
  }

  /** As the metric tells it. */
  function unasked(): number {
    const { spillway_unasked_answers_total: metric } = METRICS
    const [row] = (metric as Counted).rows(fixture.spillway!)
    return row![1]
  }

  it('are needed: who gives none is closed', async () => {
    await hog()
    const closed = once(fixture.spillway!.events, 'closed')
    owe()
    const [client] = (await closed) as [ClosedClient]
    expect(client.code).to.equal('over-limit')
    expect(unasked()).to.equal(0)
  })

  for (const [name, forge] of Object.entries(FORGERIES)) {
    it(`that are forged as ${name} prove nothing`, async () => {
      const { tcp, read } = await hog()
      const closed = once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
      owe()
      let round = 0
      const { inFlight, rate } = [...fixture.spillway!.clients()][0]!
      const forging = setInterval(() => {
        const all = Array.from({ length: 100 }, () => pong(forge(read, ++round)))
        tcp.send(Buffer.concat([text('3'), ...all]))
      }, 20)
      try {
        await eventually(() => round >= 200)
        const [client] = fixture.spillway!.clients()
        if (client) {
          expect(client.inFlight).to.be.at.least(inFlight)
          expect(client.rate).to.equal(rate)
        }
        const [ended] = await closed
        expect(ended.code).to.equal('over-limit')
      } finally {
        clearInterval(forging)
      }
      const hasTag = forge(read, 1).length === read.length && name !== 'anything'
      expect(unasked() > 0, `${unasked()} counted`).to.equal(hasTag)
    })
  }

  it('to pings of the application are its own', async () => {
    fixture = await startServer()
    const client = await fixture.raw()
    const [socket] = fixture.io.sockets.sockets.values()
    const { socket: ws } = socket!.conn.transport as unknown as {
      socket: {
        ping(data: Buffer): void
        on(event: 'pong', listener: (data: Buffer) => void): void
      }
    }
    const answers: string[] = []
    ws.on('pong', (data) => answers.push(data.toString()))
    for (const payload of ['', 'app', '12345678', '123456789012']) ws.ping(Buffer.from(payload))
    await eventually(() => answers.length === 4)
    expect(unasked()).to.equal(0)
    client.close()
  })
})
