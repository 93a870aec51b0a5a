import { once } from 'node:events'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'
import type { Socket } from 'socket.io'
import { connect } from 'socket.io-client'
import { WebSocket } from 'ws'
import { KiB, MiB } from '../../lib/base/units.ts'
import type { Logger } from '../../schemas/given-objects.ts'
import { StillPoller } from '../support/clients/poller.ts'
import { SlowProxy } from '../support/paths/slow-proxy.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

/** An eighth of the usual ones, so that a kernel's buffers hold more than `emergency`. */
const watermarks = { low: 8 * KiB, high: 16 * KiB, limit: 64 * KiB, emergency: 512 * KiB }

interface Bulk {
  readonly messages: number
  send(socket: Socket): unknown
}

/** What an application sends a client on connecting, or when it asks for an export. */
const BULKS: Record<string, Bulk> = {
  'a message above emergency, and one more': {
    messages: 2,
    send(socket) {
      socket.emit('part', 'x'.repeat(5 * MiB))
      socket.emit('last')
    },
  },
  'a message of 50 MiB, and one more later': {
    messages: 2,
    async send(socket) {
      socket.emit('part', 'x'.repeat(50 * MiB))
      await turn()
      socket.emit('last')
    },
  },
  'a hundred messages of 64 KiB in one tick': {
    messages: 101,
    send(socket) {
      for (let n = 0; n < 100; n++) socket.emit('part', 'x'.repeat(64 * KiB))
      socket.emit('last')
    },
  },
  'messages of 1 MiB in many turns of the loop': {
    messages: 13,
    async send(socket) {
      for (let n = 0; n < 12; n++) {
        socket.emit('part', 'x'.repeat(MiB))
        await wait(2)
      }
      socket.emit('last')
    },
  },
  'two attachments above emergency, and one more': {
    messages: 2,
    send(socket) {
      socket.emit('part', Buffer.alloc(3 * MiB), Buffer.alloc(3 * MiB))
      socket.emit('last', Buffer.alloc(10))
    },
  },
}

/** Between the server and the client, in bytes a second; undefined is none. */
const LINKS = { 'at once': undefined, 'at 16 MB/s': 16e6 }

const TRANSPORTS = {
  websocket: ['websocket'],
  polling: ['polling'],
  'polling, then websocket': ['polling', 'websocket'],
}

describe('What is sent in bulk', () => {
  let fixture: Fixture
  const open: Array<{ close(): void }> = []

  afterEach(async () => {
    for (const each of open.splice(0)) each.close()
    await fixture.close()
  })

  async function start(options: object | 'plain', serverOptions: object = {}): Promise<number> {
    const roomy = { maxHttpBufferSize: 1e9, pingInterval: 60_000 }
    fixture = await startServer(options, { ...roomy, ...serverOptions })
    return fixture.port
  }

  /** @returns how often the client connected until it had it all, and what it got last */
  async function received(
    bulk: Bulk,
    port: number,
    transports: string[],
    asks: boolean,
  ): Promise<{ connects: number; got: string[] }> {
    fixture.io.on('connection', (socket) => {
      if (asks) socket.on('export', () => void bulk.send(socket))
      else void bulk.send(socket)
    })
    const client = connect(`http://127.0.0.1:${port}`, {
      transports,
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 20,
    })
    open.push(client)
    let connects = 0
    let got: string[] = []
    client.on('connect', () => {
      connects++
      got = []
      if (asks) client.emit('export')
    })
    const done = new Promise<void>((resolve) => {
      client.onAny((event: string) => {
        got.push(event)
        if (event === 'last') resolve()
      })
    })
    await done
    return { connects, got }
  }

  for (const [name, bulk] of Object.entries(BULKS)) {
    for (const [link, rate] of Object.entries(LINKS)) {
      for (const [transport, transports] of Object.entries(TRANSPORTS)) {
        // half a minute over polling
        if (bulk.messages === 2 && name.includes('50') && (rate || transport !== 'websocket'))
          continue
        const all = Array<string>(bulk.messages - 1).fill('part')
        for (const when of ['on connecting', 'when it asks'] as const) {
          if (when === 'when it asks' && transport !== 'websocket') continue
          it(`reaches a client ${when}, ${name}, by ${transport}, ${link}`, async () => {
            const asked = when === 'when it asks'
            const results = []
            for (const options of ['plain', { watermarks }] as const) {
              let port = await start(options)
              if (rate) {
                const proxy = await SlowProxy.to(port, rate)
                open.push(proxy)
                port = proxy.port
              }
              results.push(await received(bulk, port, transports, asked))
              if (options === 'plain') {
                for (const each of open.splice(0)) each.close()
                await fixture.close()
              }
            }
            expect(results[1]).to.deep.equal(results[0])
            expect(results[1]).to.deep.equal({ connects: 1, got: [...all, 'last'] })
            expect(fixture.spillway!.closed()).to.deep.equal([])
          }).timeout(60_000)
        }
      }
    }
  }

  it('reaches a client of protocol 3', async () => {
    await start({ watermarks }, { allowEIO3: true })
    fixture.io.on('connection', (socket) => {
      for (let n = 0; n < 100; n++) socket.emit('part', 'x'.repeat(64 * KiB))
      socket.emit('last')
    })
    const client = await fixture.raw({ protocol: 3 })
    await client.until(() => client.events.includes('last'))
    expect(client.events).to.have.length(101)
    expect(fixture.spillway!.closed()).to.deep.equal([])
  })

  describe('to a client that takes nothing', () => {
    const TURN = 16 * KiB

    /** What comes in 0.4 s, in which a client may be busy, and a few more. */
    const MEANWHILE = 30 * TURN

    /** Emits a message each 20 ms until the client is closed. @returns the most that it had buffered */
    async function flood(): Promise<number> {
      let most = 0
      while (fixture.spillway!.stats().clients.connected > 0) {
        fixture.io.emit('part', 'x'.repeat(TURN))
        most = Math.max(most, fixture.spillway!.stats().buffered)
        await wait(20)
      }
      return most
    }

    it('ends it when it has more than emergency and has answered nothing for a moment', async () => {
      await start({ watermarks, stallAfter: 5000, grace: 60_000 })
      const client = await fixture.raw()
      await eventually(() => [...fixture.spillway!.clients()][0]!.rtt !== null)
      client.stall()
      expect(await flood()).to.be.within(
        watermarks.emergency - TURN,
        watermarks.emergency + MEANWHILE,
      )
      expect(fixture.spillway!.closed()[0]!.code).to.equal('emergency')
    })

    it('ends it so though one turn has brought more', async () => {
      await start({ watermarks, stallAfter: 5000, grace: 60_000 })
      const client = await fixture.raw()
      await eventually(() => [...fixture.spillway!.clients()][0]!.rtt !== null)
      client.stall()
      for (let n = 0; n < 8; n++) fixture.io.emit('part', 'x'.repeat(MiB))
      const brought = fixture.spillway!.stats().buffered
      expect(await flood()).to.be.within(brought, brought + watermarks.emergency + MEANWHILE)
    })

    it('ends it soon, if nothing else follows', async () => {
      await start({ watermarks, stallAfter: 15_000, grace: 3_600_000 })
      const client = await fixture.raw()
      await eventually(() => [...fixture.spillway!.clients()][0]!.rtt !== null)
      client.stall()
      const closed = once(fixture.spillway!.events, 'closed')
      fixture.io.emit('part', 'x'.repeat(50 * MiB))
      const [{ code, connectedFor }] = await closed
      expect(code).to.equal('emergency')
      // over the limit it would have had all of it, when its grace is over
      expect(connectedFor).to.be.below(15_000)
    })

    it('ends it over polling', async () => {
      await start({ watermarks, stallAfter: 15_000, grace: 60_000 })
      await new StillPoller(fixture.url).join()
      await flood()
      expect(fixture.spillway!.closed()[0]!.code).to.equal('emergency')
      // one that has never answered anything may be about to
      expect(fixture.spillway!.closed()[0]!.connectedFor).to.be.below(15_000)
    })
  })

  it('ends a client that takes far less than it is sent, for as long as that goes on', async () => {
    const port = await start({ watermarks, stallAfter: 1000 })
    const proxy = await SlowProxy.to(port, 200_000)
    open.push(proxy)
    const client = connect(`http://127.0.0.1:${proxy.port}`, { transports: ['websocket'] })
    open.push(client)
    await once(client as never, 'connect')
    await eventually(() => [...fixture.spillway!.clients()][0]!.rtt !== null)
    while (fixture.spillway!.closed().length === 0) {
      fixture.io.emit('part', 'x'.repeat(16 * KiB))
      await wait(4)
    }
    expect(fixture.spillway!.closed()[0]!.code).to.equal('emergency')
  })

  it('is not sent again and again, if it is more than the budget allows', async () => {
    const lines: string[] = []
    const add = (_fields: object, line: string) => void lines.push(line)
    const log: Logger = { info: () => {}, warn: add, error: add }
    const port = await start({ budget: 4 * MiB, log })
    const { io, spillway } = fixture
    io.on('connection', (socket) => {
      for (let n = 0; n < 20; n++) socket.emit('part', 'x'.repeat(MiB))
    })
    const client = connect(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 20,
    })
    open.push(client)
    await eventually(() => spillway!.stats().refused.backlog >= 10)
    expect(spillway!.closed().map(({ code }) => code)).to.deep.equal(['budget', 'budget'])
    expect(lines.filter((line) => line.includes('what it was sent on connecting'))).to.have.length(
      1,
    )
    const answer = await fetch(`${fixture.url}/socket.io/?EIO=4&transport=polling`)
    // another client
    expect(answer.status).to.equal(200)
  })

  describe('to one that is closed for it and comes back at once', () => {
    /** Reads nothing for a while whenever it has connected. */
    class Late {
      connects = 0
      done = false
      readonly #url: string
      readonly #late: number
      #socket: WebSocket | undefined
      #stopped = false

      constructor(port: number, late: number) {
        this.#url = `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`
        this.#late = late
        this.#connect()
      }

      #connect(): void {
        const socket = new WebSocket(this.#url, { perMessageDeflate: false })
        this.#socket = socket
        socket.on('open', () => socket.send('40'))
        socket.on('message', (data: Buffer) => {
          const frame = data.toString('latin1', 0, 12)
          if (frame.startsWith('40')) {
            this.connects++
            // its answer to the first marker has been sent
            setTimeout(() => socket.pause(), 10)
            setTimeout(() => socket.resume(), this.#late)
          }
          if (frame === '42["last"]') this.done = true
        })
        socket.on('error', () => {})
        socket.on('close', () => {
          if (!this.#stopped && !this.done) setTimeout(() => this.#connect(), 5)
        })
      }

      close(): void {
        this.#stopped = true
        this.#socket?.terminate()
      }
    }

    it('gives it longer each time, and tells of it once', async () => {
      const lines: string[] = []
      const add = (_fields: object, line: string) => void lines.push(line)
      const log: Logger = { info: () => {}, warn: add, error: add }
      const port = await start({ watermarks, stallAfter: 1000, grace: 0, log })
      fixture.io.on('connection', async (socket) => {
        await wait(50)
        for (let n = 0; n < 10; n++) socket.emit('part', 'x'.repeat(MiB))
        socket.emit('last')
      })
      // for longer than the patience with the first of them, of 80 ms, and with the second
      const client = new Late(port, 1000)
      open.push(client)
      await eventually(() => client.done, 20_000)
      const closed = fixture.spillway!.closed()
      expect(new Set(closed.map(({ code }) => code))).to.deep.equal(new Set(['emergency']))
      expect(closed.length).to.be.within(2, 5)
      expect(client.connects).to.equal(closed.length + 1)
      const times = closed.map(({ connectedFor }) => connectedFor)
      expect(times[0]).to.be.greaterThan(times.at(-1)!)
      expect(
        lines.filter((line) => line.includes('what it was sent on connecting')),
      ).to.have.length(1)
    }).timeout(30_000)
  })
})
