import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { type Path, PathRelay } from '../support/paths/path-relay.ts'

/** Timers may be late, and never early: only what is too soon is wrong. */
describe('PathRelay', () => {
  let server: Server
  let relay: PathRelay
  let client: Socket
  let upstream: Socket

  beforeEach(async () => {
    server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })

  afterEach(async () => {
    await relay.close()
    client.destroy()
    upstream.destroy()
    server.close()
  })

  async function open(path: Path): Promise<void> {
    const { port } = server.address() as AddressInfo
    relay = await PathRelay.to({ host: '127.0.0.1', port }, path)
    const accepted = once(server, 'connection') as Promise<[Socket]>
    client = connect(relay.port, '127.0.0.1')
    upstream = (await accepted)[0]
    for (const socket of [client, upstream]) socket.on('error', () => {})
  }

  /** @returns after how many milliseconds all of it was there */
  async function transfer(from: Socket, to: Socket, bytes: Buffer): Promise<number> {
    const startedAt = performance.now()
    from.end(bytes)
    expect((await buffer(to)).equals(bytes)).to.equal(true)
    return performance.now() - startedAt
  }

  const numbered = (bytes: number) =>
    Buffer.from(Uint16Array.from({ length: bytes / 2 }, (_, n) => n).buffer)

  for (const [name, path] of Object.entries<Path>({
    'a loopback': {},
    delay: { delayMs: 20 },
    jitter: { delayMs: 5, jitterMs: 30 },
    bunching: { bunchMs: 40 },
    'all of it': { bytesPerSecond: 1_000_000, delayMs: 5, jitterMs: 20, bunchMs: 10 },
  })) {
    for (const [way, ends] of Object.entries({
      'to the client': () => [upstream, client] as const,
      'to the server': () => [client, upstream] as const,
    })) {
      it(`keeps bytes, their order, and the end, ${way}: ${name}`, async () => {
        await open(path)
        await transfer(...ends(), numbered(120_000))
      })
    }
  }

  it('sends to the client at its rate', async () => {
    await open({ bytesPerSecond: 200_000 })
    expect(await transfer(upstream, client, numbered(60_000))).to.be.at.least(299)
  })

  it('delays both ways', async () => {
    await open({ delayMs: 60 })
    upstream.on('data', (bytes) => upstream.write(bytes))
    const startedAt = performance.now()
    client.write('ping')
    await once(client, 'data')
    expect(performance.now() - startedAt).to.be.at.least(119)
  })

  it('lets bunches through every so often', async () => {
    await open({ bunchMs: 100 })
    const next = async (): Promise<number> => {
      upstream.write('x')
      await once(client, 'data')
      return performance.now()
    }
    const first = await next()
    await next()
    await next()
    // three intervals, but for how late the first one was noticed
    expect((await next()) - first).to.be.at.least(200)
  })

  it('leaves what the path does not carry in the kernel and the memory of the server', async () => {
    await open({ bytesPerSecond: 10_000 })
    upstream.write(Buffer.alloc(32 * 1024 * 1024))
    await once(client, 'data')
    expect(upstream.writableLength).to.be.greaterThan(0)
  })

  it('changes its path while it is connected, and keeps the order', async () => {
    await open({ bytesPerSecond: 20_000, delayMs: 50 })
    const bytes = numbered(120_000)
    const received = transfer(upstream, client, bytes)
    await once(client, 'data')
    relay.path = { delayMs: 1 }
    expect(await received).to.be.lessThan(6000)
  })

  it('passes on that a side is gone', async () => {
    await open({ delayMs: 20 })
    client.resume()
    const gone = once(client, 'close')
    upstream.destroy()
    await gone
    expect(client.destroyed).to.equal(true)
  })
})
