import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect } from 'chai'
import type { ClosedClient } from '../../schemas/stats.ts'
import { requestOf, text, UPGRADE } from '../support/clients/hostile-socket.ts'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'
import { TLS_CLIENT, tlsServer } from '../support/servers/tls.ts'

const KiB = 1024
const MiB = 1024 * KiB
const STALL_AFTER = 250
const watermarks = { low: 64 * KiB, high: 128 * KiB, limit: 256 * KiB, emergency: 64 * MiB }

interface Wire {
  readonly wire: string
  readonly protocol?: 3 | 4
  readonly http?: typeof tlsServer
  readonly dial?: (port: number) => Socket
}

const overTls = (port: number) => connectTls({ ...TLS_CLIENT, port, host: '127.0.0.1' } as object)

const WIRES: readonly Wire[] = [
  { wire: 'a WebSocket' },
  { wire: 'a WebSocket of protocol 3', protocol: 3 },
  { wire: 'a WebSocket over TLS', http: tlsServer, dial: overTls },
]

/** Reads 1.6 MB/s, a chunk of 64 KiB at most at once, answers nothing, and says that it lives. */
class SlowReader {
  received = 0
  gone = false
  readonly #tcp: Socket
  readonly #beating: NodeJS.Timeout

  constructor(tcp: Socket, protocol: 3 | 4) {
    this.#tcp = tcp
    tcp.on('error', () => {})
    tcp.on('close', () => {
      this.gone = true
    })
    tcp.on('data', ({ length }: Buffer) => {
      if (this.received === 0 && protocol === 4) tcp.write(text('40'))
      this.received += length
      tcp.pause()
      setTimeout(() => tcp.resume(), length / 1600)
    })
    tcp.write(requestOf({ query: `EIO=${protocol}&transport=websocket`, headers: UPGRADE }))
    this.#beating = setInterval(() => tcp.write(text(protocol === 3 ? '2' : '3')), 50)
  }

  close(): void {
    clearInterval(this.#beating)
    this.#tcp.destroy()
  }
}

describe('A client that answers no pings', () => {
  let fixture: Fixture
  const timers: NodeJS.Timeout[] = []
  const open: SlowReader[] = []

  afterEach(async () => {
    for (const timer of timers.splice(0)) clearInterval(timer)
    for (const each of open.splice(0)) each.close()
    await fixture.close()
  })

  async function start(server: object = {}, http?: typeof tlsServer): Promise<void> {
    fixture = await startServer(
      { messages, watermarks, stallAfter: STALL_AFTER, grace: 0 },
      { allowEIO3: true, ...server },
      http?.(),
    )
  }

  const closings = () => fixture.spillway!.readings.closings
  const every = (ms: number, act: () => void) => timers.push(setInterval(act, ms))

  /** So much as the kernel may take at once, and then some that waits, always above the limit. */
  function flood(): void {
    const [socket] = fixture.io.sockets.sockets.values()
    const long = pad.repeat(8)
    every(5, () => {
      for (let n = 0; n < 100; n++) {
        const { queued = MiB, outstanding = 0 } = fixture.spillway!.client(socket!.id) ?? {}
        if (queued + outstanding > 400 * KiB) return
        socket!.emit('jackpot:won', { n, pad: long })
      }
    })
  }

  for (const { wire, protocol = 4, http, dial = (port: number) => connect(port) } of WIRES) {
    it(`and reads slowly is not closed while its kernel takes nothing for long, over ${wire}`, async () => {
      await start({}, http)
      const client = new SlowReader(dial(fixture.port), protocol)
      open.push(client)
      await eventually(() =>
        [...fixture.spillway!.clients()].some(({ state }) => state === 'blind'),
      )
      const [blind] = [...fixture.spillway!.clients()]
      flood()
      let longest = 0
      await eventually(() => {
        longest = Math.max(longest, fixture.spillway!.client(blind!.id)?.sinceProgress ?? 0)
        return client.received > 6 * MiB || client.gone
      }, 18_000)
      expect(closings()).to.include({ 'over-limit': 0, stalled: 0 })
      expect(client.gone).to.equal(false)
      expect(longest).to.be.greaterThan(STALL_AFTER + 150)
    })
  }

  it('is closed when it takes nothing and is not heard of any more either', async () => {
    await start({ pingInterval: 400, pingTimeout: 60_000 })
    const honest = await fixture.client()
    const client = await fixture.raw({ autoPong: false })
    await eventually(() => [...fixture.spillway!.clients()].some(({ state }) => state === 'blind'))
    const closed = once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
    client.stall()
    const [socket] = [...fixture.io.sockets.sockets.values()].slice(-1)
    for (let sent = 0; sent < 16 * MiB; sent += 16_000) {
      socket!.emit('jackpot:won', { n: 1, pad: pad.repeat(8) })
    }
    expect((await closed)[0].code).to.equal('over-limit')
    expect(honest.connected).to.equal(true)
  })

  for (const wire of ['at once', 'after an upgrade']) {
    it(`and says nothing but its heartbeats stays, over a WebSocket ${wire}`, async () => {
      await start({ pingInterval: 4 * STALL_AFTER, pingTimeout: 60_000 })
      let client: RawClient
      if (wire === 'at once') client = await fixture.raw({ autoPong: false })
      else {
        const url = `${fixture.url}/socket.io/?EIO=4&transport=polling`
        const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1))
        await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '40' })
        await (await fetch(`${url}&sid=${sid}`)).text()
        const query = `&sid=${sid}`
        client = await fixture.raw({ query, autoPong: false, joins: ['2probe'] })
        await client.until(() => client.frames.includes('3probe'))
        client.send('5')
        fixture.io.emit('jackpot:won', { n: 0 })
      }
      fixture.io.emit('jackpot:won', { n: 1 })
      const beats = () => client.frames.filter((frame) => frame === '2').length
      await eventually(() => beats() === 3 || !client.open)
      expect(closings()).to.include({ 'over-limit': 0, stalled: 0 })
      expect(client.open).to.equal(true)
    })
  }
})

describe('A client that has answered pings, and reads no more', () => {
  let fixture: Fixture
  let beating: NodeJS.Timeout

  afterEach(async () => {
    clearInterval(beating)
    await fixture.close()
  })

  for (const [code, limit] of [
    ['over-limit', 256 * KiB],
    ['stalled', 64 * MiB],
  ] as const) {
    it(`is closed as ${code}, whatever its heartbeats`, async () => {
      fixture = await startServer({
        messages,
        watermarks: { ...watermarks, limit, emergency: 128 * MiB },
        stallAfter: STALL_AFTER,
        grace: 0,
      })
      const honest = await fixture.client()
      const client = await fixture.raw()
      await eventually(() => fixture.spillway!.stats().buffered === 0)
      client.stall()
      beating = setInterval(() => client.open && client.send('3'), 50)
      const closed = once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
      const [socket] = [...fixture.io.sockets.sockets.values()].slice(-1)
      for (let sent = 0; sent < 16 * MiB; sent += 16_000) {
        socket!.emit('jackpot:won', { n: 1, pad: pad.repeat(8) })
      }
      expect((await closed)[0].code).to.equal(code)
      expect(honest.connected).to.equal(true)
    })
  }
})
