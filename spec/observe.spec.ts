import { expect } from 'chai'
import type { Server, Socket } from 'socket.io'
import type { Socket as ClientSocket } from 'socket.io-client'
import { messages, pad } from './support/messages.ts'
import { eventually, type Fixture, type RawClient, startServer } from './support/servers/server.ts'

type Mode = 'plain' | 'observe'
const RECOVERY = { connectionStateRecovery: {} }

/** What Socket.IO's in-memory adapter keeps for those who come back. */
const stored = ({ io }: Fixture) =>
  (io.of('/').adapter as unknown as { packets: Array<{ data: unknown[] }> }).packets.filter(
    ({ data }) => data[0] !== 'gap',
  )

/** The same but for ids; offsets are numbered, so that one that comes twice is seen. */
function comparable(frames: ReadonlyArray<string | Buffer>): string[] {
  const offsets: string[] = []
  return frames.map((frame) =>
    String(frame)
      .replace(/"(sid|pid)":"[^"]+"/g, '"$1":"…"')
      .replace(/,"([\w-]{7}(\.[\w-]+)?)"\]$/, (_, offset) => {
        if (!offsets.includes(offset)) offsets.push(offset)
        return `,offset ${offsets.indexOf(offset)}]`
      }),
  )
}

describe('In mode observe, as without the plugin', () => {
  const open: Fixture[] = []
  afterEach(async () => {
    for (const fixture of open.splice(0)) await fixture.close()
  })

  async function start(mode: Mode, options: object = RECOVERY): Promise<Fixture> {
    const watermarks = { low: 1024, high: 2048, limit: 4096, emergency: 8192 }
    const plugin = { messages, mode: 'observe', watermarks, maxAge: 100, gapEvent: 'gap' } as const
    const fixture = await startServer(mode === 'plain' ? mode : plugin, options)
    open.push(fixture)
    return fixture
  }

  /** What a run gives without the plugin, which it has to give with it. */
  async function same<T>(run: (mode: Mode) => Promise<T>): Promise<T> {
    const [plain, observed] = [await run('plain'), await run('observe')]
    expect(observed).to.deep.equal(plain)
    return plain
  }

  /** Every kind of emit, of every class. */
  function emitAll(io: Server, socket: Socket): void {
    socket.join('room')
    for (let n = 0; n < 3; n++) {
      io.emit('reel:frame', { n })
      io.emit('reel:frame', { n }, 'the last argument')
      io.volatile.emit('reel:frame', { n }, 'of a volatile one')
      io.emit('jackpot:won', { n })
      io.emit('odds:now', { table: 'a', n })
      io.to('room').emit('odds:now', { table: 'a', n })
      io.to('room').emit('table:state', { kind: 'chatter', n })
      io.emit('table:state', { kind: 'seat', n })
      io.local.emit('reel:frame', { n })
      io.compress(false).emit('reel:frame', { n })
      io.timeout(5000).emit('reel:frame', { n }, () => {})
      socket.emit('reel:frame', { n })
      socket.volatile.emit('reel:frame', { n })
      socket.emit('odds:now', { table: 'a', n }, () => {})
      io.emit('blob', { data: Buffer.from([n]), n })
      io.emit('nothing known of it', n)
      io.emit('reel:frame', { n: 'not valid' })
    }
  }

  for (const [name, options] of [
    ['with', RECOVERY],
    ['without', {}],
  ] as const) {
    it(`each frame is the same, ${name} connection state recovery`, async () => {
      const frames = await same(async (mode) => {
        const fixture = await start(mode, options)
        const client = await fixture.raw()
        const [socket] = [...fixture.io.sockets.sockets.values()]
        emitAll(fixture.io, socket!)
        await new Promise((resolve) => setImmediate(resolve))
        emitAll(fixture.io, socket!)
        fixture.io.emit('jackpot:won', { n: -1 })
        await client.until(() => client.received<{ n: number }>('jackpot:won').at(-1)?.n === -1)
        return comparable(client.frames.slice(1))
      })
      expect(frames.length).to.be.greaterThan(90)
      const ends = frames.some((frame) => /,offset 9\]$/.test(frame))
      expect(ends).to.equal(options === RECOVERY)
    })
  }

  it('the store keeps the same, and a client that comes back is sent the same', async () => {
    const [got] = await same(async (mode) => {
      const fixture = await start(mode)
      const { io } = fixture
      const client = await fixture.client({ reconnection: true, reconnectionDelay: 50 })
      const received: string[] = []
      client.onAny((event: string, payload: unknown) => {
        received.push(`${event} ${JSON.stringify(payload)}`)
      })
      io.emit('reel:frame', { n: 0 })
      await eventually(() => received.length === 1)
      const left = new Promise((resolve) =>
        [...io.sockets.sockets.values()][0]!.once('disconnect', resolve),
      )
      client.io.engine.close()
      await left
      for (let n = 1; n < 50; n++) {
        io.emit('reel:frame', { n })
        io.emit('odds:now', { table: 'a', n })
        if (n % 10 === 0) io.emit('jackpot:won', { n })
      }
      await new Promise<void>((resolve) => client.once('connect', resolve))
      io.emit('jackpot:won', { n: -1 })
      await eventually(() => received.at(-1) === 'jackpot:won {"n":-1}')
      return [received, client.recovered, stored(fixture).map(({ data }) => data.slice(0, -1))]
    })
    expect(got).to.have.length(1 + 49 * 2 + 4 + 1)
  })

  it('one that reads slowly is sent everything, in order, and closed by nobody', async () => {
    await same(async (mode) => {
      const fixture = await start(mode)
      const client = await fixture.raw()
      const [socket] = [...fixture.io.sockets.sockets.values()]
      client.stall()
      for (let n = 0; n < 300; n++) {
        fixture.io.emit('reel:frame', { n, pad })
        socket!.emit('odds:now', { table: 'a', n, pad })
        if (n % 3 === 0) fixture.io.emit('jackpot:won', { n, pad })
      }
      client.resume()
      fixture.io.emit('end', 0)
      await client.until(() => client.events.includes('end'))
      return comparable(client.frames.slice(1))
    })
  })

  it('one that leaves a namespace is sent first what was emitted before', async () => {
    await same(async (mode) => {
      const fixture = await start(mode)
      const client = await fixture.raw()
      fixture.io.of('/lobby')
      await client.join('/lobby')
      client.stall()
      fixture.io.emit('filler', 'x'.repeat(100_000))
      fixture.io.emit('reel:frame', { n: 1 })
      fixture.io.of('/lobby').emit('reel:frame', { n: 2 })
      fixture.io.emit('jackpot:won', { n: 3 })
      fixture.io.of('/lobby').disconnectSockets()
      fixture.io.emit('reel:frame', { n: 4 })
      client.resume()
      await client.until(() => client.received<{ n: number }>('reel:frame').at(-1)?.n === 4)
      return comparable(client.frames.slice(1))
    })
  })

  it('a broadcast to many is written to each inside its emit, and overtaken by nothing', async () => {
    const bytes = await same(async (mode) => {
      const fixture = await start(mode, {})
      const clients: RawClient[] = []
      for (let n = 0; n < 120; n++) clients.push(await fixture.raw())
      const last = clients.at(-1)!
      const written = () =>
        [...fixture.io.sockets.sockets.values()].map(({ conn }) => {
          const { transport } = conn as unknown as {
            transport: { socket: { _socket: { bytesWritten: number } } }
          }
          return transport.socket._socket.bytesWritten
        })
      await new Promise((resolve) => setTimeout(resolve, 20))
      const before = written()
      fixture.io.emit('reel:frame', { n: 1 })
      const after = written()
      fixture.io.emit('odds:now', { table: 'a', n: 2 })
      fixture.io.emit('jackpot:won', { n: 3 })
      ;[...fixture.io.sockets.sockets.values()].at(-1)!.emit('jackpot:won', { n: 4 })
      fixture.io.emit('reel:frame', { n: 5 })
      await last.until(() => last.frames.length === 7)
      const numbers = last.frames.slice(2).map((frame) => /"n":(\d)/.exec(String(frame))![1])
      expect(numbers.join()).to.equal('1,2,3,4,5')
      // a marker is 2 to 16 bytes
      return after.map((sum, index) => sum - before[index]! >= '42["reel:frame",{"n":1}]'.length)
    })
    expect(bytes).to.have.length(120)
    expect(new Set(bytes)).to.deep.equal(new Set([true]))
  })

  it('one that leaves in the middle of a broadcast is sent nothing more of it', async () => {
    const [, second] = await same(async (mode) => {
      const fixture = await start(mode)
      const clients = [await fixture.raw(), await fixture.raw()]
      const [first, second] = [...fixture.io.sockets.sockets.values()]
      first!.conn.on('packetCreate', ({ data }: { data?: unknown }) => {
        if (String(data).includes('reel:frame')) second!.disconnect()
      })
      fixture.io.emit('reel:frame', { n: 1 })
      await clients[1]!.until(() => clients[1]!.frames.includes('41'))
      fixture.io.emit('jackpot:won', { n: 2 })
      await clients[0]!.until(() => clients[0]!.received('jackpot:won').length === 1)
      return clients.map(({ frames }) => comparable(frames.slice(1)))
    })
    expect(second!.at(-1)).to.equal('41')
  })

  describe('when the mode changes', () => {
    /** A client that comes back by itself, and what it was sent. */
    async function listening(fixture: Fixture) {
      const client = await fixture.client({ reconnection: true, reconnectionDelay: 50 })
      const got: string[] = []
      client.onAny((event: string, payload?: { n?: number }) => {
        if (event !== 'gap') got.push(`${event} ${payload?.n}`)
      })
      return { client, got }
    }
    async function away({ io }: Fixture, client: ClientSocket): Promise<void> {
      const left = new Promise((resolve) =>
        [...io.sockets.sockets.values()][0]!.once('disconnect', resolve),
      )
      client.io.engine.close()
      await left
    }
    async function back({ io }: Fixture, client: ClientSocket, got: string[]): Promise<void> {
      await new Promise<void>((resolve) => client.once('connect', resolve))
      expect(client.recovered).to.equal(true)
      io.emit('jackpot:won', { n: -1 })
      await eventually(() => got.at(-1) === 'jackpot:won -1')
    }

    it('a client is sent again what was emitted in mode observe, unless enforce is on', async () => {
      const fixture = await start('observe')
      const { io, spillway } = fixture
      const { client, got } = await listening(fixture)
      io.emit('jackpot:won', { n: 0 })
      await eventually(() => got.length === 1)
      await away(fixture, client)
      io.emit('reel:frame', { n: 1 })
      spillway!.setMode('enforce')
      io.emit('reel:frame', { n: 2 })
      io.emit('jackpot:won', { n: 3 })
      spillway!.setMode('observe')
      io.emit('reel:frame', { n: 4 })
      await back(fixture, client, got)
      const missed = ['reel:frame 1', 'jackpot:won 3', 'reel:frame 4']
      expect(got).to.deep.equal(['jackpot:won 0', ...missed, 'jackpot:won -1'])

      got.length = 0
      await away(fixture, client)
      io.emit('reel:frame', { n: 5 })
      io.emit('jackpot:won', { n: 6 })
      spillway!.setMode('enforce')
      const kept = stored(fixture).length
      await back(fixture, client, got)
      expect(got).to.deep.equal(['jackpot:won 6', 'jackpot:won -1'])
      expect(stored(fixture)).to.have.length(kept + 1)
    })

    it('everything goes in its order that waited', async () => {
      const fixture = await startServer({ messages }, RECOVERY)
      open.push(fixture)
      const { io, spillway } = fixture
      const client = await fixture.raw()
      client.stall()
      io.emit('filler', 'x'.repeat(20_000))
      for (let n = 0; n < 5; n++) io.emit('reel:frame', { n })
      spillway!.setMode('observe')
      for (let n = 5; n < 10; n++) io.emit('reel:frame', { n })
      client.resume()
      await client.until(() => client.received('reel:frame').length === 10)
      const numbers = client.received<{ n: number }>('reel:frame').map(({ n }) => n)
      expect(numbers).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      const kept = stored(fixture).map(({ data }) => (data[1] as { n?: number })?.n)
      expect(kept.slice(-5)).to.deep.equal([5, 6, 7, 8, 9])
      expect(kept).to.have.length(6)
    })
  })
})
