import { expect } from 'chai'
import type { Socket as ClientSocket } from 'socket.io-client'
import { forget } from '../../lib/intercept/recovery-offset.ts'
import type { ClosedSummary } from '../../lib/telemetry/undelivered.ts'
import { starve } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const KiB = 1024
/** Of a spec's message. */
const WAIT = 60_000

describe('Recovery', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  const start = async (options: object = {}) => {
    fixture = await startServer({ messages, ...options }, { connectionStateRecovery: {} })
  }

  /** A client that comes back by itself, and what it was sent. */
  async function listening(): Promise<{ client: ClientSocket; got: string[] }> {
    const client = await fixture.client({ reconnection: true, reconnectionDelay: 200 })
    const got: string[] = []
    client.onAny((event: string, payload?: { n?: number }) => {
      if (event !== 'filler') got.push(`${event} ${payload?.n}`)
    })
    return { client, got }
  }

  const socketOf = (client: ClientSocket) =>
    (client.io.engine.transport as unknown as { ws: { pause(): void; terminate(): void } }).ws

  /** One that has received something, and then vanished. */
  async function vanished(): ReturnType<typeof listening> {
    await start()
    const { client, got } = await listening()
    fixture.io.emit('jackpot:won', { n: 1 })
    await eventually(() => got.length === 1)
    socketOf(client).terminate()
    await eventually(() => fixture.spillway!.stats().clients.connected === 0)
    return { client, got }
  }

  /** What Socket.IO keeps for those who come back. */
  const stored = () =>
    (fixture.io.of('/').adapter as unknown as { packets: Array<{ id: string; data: unknown[] }> })
      .packets

  async function isBack(client: ClientSocket, got: string[]): Promise<void> {
    await eventually(() => client.connected)
    expect(client.recovered).to.equal(true)
    fixture.io.emit('jackpot:won', { n: -1 })
    await eventually(() => got.includes('jackpot:won -1'))
  }

  const ENDS: Record<string, (client: ClientSocket) => void> = {
    'that vanished': (client) => socketOf(client).terminate(),
    'whose transport was closed': (client) => client.io.engine.close(),
    'that was closed by the administrator': (client) => {
      fixture.spillway!.terminate(client.id!)
    },
  }
  for (const [which, end] of Object.entries(ENDS)) {
    it(`sends a client ${which} what it missed, critical only, once and in order`, async () => {
      await start()
      const { client, got } = await listening()
      fixture.io.emit('jackpot:won', { n: 1 })
      fixture.io.emit('reel:frame', { n: 2 })
      await eventually(() => got.length === 2)
      end(client)
      await eventually(() => fixture.spillway!.stats().clients.connected === 0)
      for (let n = 3; n < 9; n += 2) {
        fixture.io.emit('jackpot:won', { n })
        fixture.io.emit('reel:frame', { n: n + 1 })
      }
      await isBack(client, got)
      expect(got).to.deep.equal([
        ...['jackpot:won 1', 'reel:frame 2', 'jackpot:won 3', 'jackpot:won 5', 'jackpot:won 7'],
        'jackpot:won -1',
      ])
    })
  }

  it('sends one that was closed for its backlog what had waited for it', async () => {
    const watermarks = { low: 32 * KiB, high: 64 * KiB, limit: 128 * KiB, emergency: 256 * KiB }
    await start({ watermarks })
    const { client, got } = await listening()
    fixture.io.emit('jackpot:won', { n: 0 })
    await eventually(() => got.length === 1)
    socketOf(client).pause()
    for (let n = 1; n <= 200; n++) {
      fixture.io.emit('jackpot:won', { n, pad })
      fixture.io.emit('reel:frame', { n, pad })
    }
    await eventually(() => fixture.spillway!.stats().closed.emergency === 1)
    socketOf(client).terminate()
    await eventually(() => !client.connected)
    await isBack(client, got)
    const jackpots = got.filter((each) => each.startsWith('jackpot'))
    const expected = Array.from({ length: 201 }, (_, n) => `jackpot:won ${n}`)
    expect(jackpots).to.deep.equal([...expected, 'jackpot:won -1'])
  })

  it('knows a client again that was sent nothing critical yet', async () => {
    await start()
    const { client, got } = await listening()
    for (let n = 0; n < 5; n++) fixture.io.emit('reel:frame', { n })
    await eventually(() => got.length === 5)
    got.length = 0
    socketOf(client).terminate()
    await eventually(() => fixture.spillway!.stats().clients.connected === 0)
    fixture.io.emit('jackpot:won', { n: 1 })
    await isBack(client, got)
    expect(got).to.deep.equal(['jackpot:won 1', 'jackpot:won -1'])
  })

  it('sends nothing again that overtook a message which waited', async () => {
    await start()
    const { client, got } = await listening()
    const ws = socketOf(client) as unknown as { pause(): void; resume(): void; terminate(): void }
    ws.pause()
    fixture.io.emit('filler', 'x'.repeat(16 * KiB))
    fixture.io.emit('reel:frame', { n: 1 })
    fixture.io.emit('odds:now', { table: 'a', n: 2 })
    fixture.io.emit('odds:now', { table: 'a', n: 3 })
    fixture.io.emit('jackpot:won', { n: 4 })
    ws.resume()
    await eventually(() => got.length === 3)
    expect(got).to.deep.equal(['jackpot:won 4', 'reel:frame 1', 'odds:now 3'])
    got.length = 0
    ws.terminate()
    await eventually(() => fixture.spillway!.stats().clients.connected === 0)
    await isBack(client, got)
    expect(got).to.deep.equal(['jackpot:won -1'])
  })

  it('keeps nothing cosmetic in the store, however much there is', async () => {
    await start()
    const { got } = await listening()
    for (let n = 0; n < 500; n++) fixture.io.emit('reel:frame', { n, pad })
    fixture.io.emit('jackpot:won', { n: 1 })
    for (let n = 0; n < 500; n++) fixture.io.emit('reel:frame', { n, pad })
    fixture.io.emit('jackpot:won', { n: 2 })
    await eventually(() => got.includes('jackpot:won 2'))
    expect(stored().map(({ data }) => data[0])).to.deep.equal([
      undefined, // an offset, for those who were sent nothing critical yet
      'jackpot:won',
      'jackpot:won',
    ])
  })

  it('does not send stale cosmetic messages that another adapter has kept', async () => {
    const { client, got } = await vanished()
    fixture.io.emit('jackpot:won', { n: 2 })
    const [{ opts }] = stored().slice(-1) as unknown as [{ opts: unknown }]
    const stale = { id: 'stale', opts, data: ['reel:frame', { n: 3 }, 'stale'], emittedAt: WAIT }
    stored().push(stale as never)
    await isBack(client, got)
    expect(got).to.deep.equal(['jackpot:won 1', 'jackpot:won 2', 'jackpot:won -1'])
    const frames = fixture
      .spillway!.stats()
      .events.find((row) => row.event === 'reel:frame' && row.class === 'cosmetic')
    expect(frames?.expired.messages).to.equal(1)
  })

  it('sends what was invalid, and so critical, and counts it once', async () => {
    const { client, got } = await vanished()
    fixture.io.emit('reel:frame', { n: 'two' })
    fixture.io.emit('reel:frame', { n: 3 })
    await isBack(client, got)
    expect(got).to.deep.equal(['jackpot:won 1', 'reel:frame two', 'jackpot:won -1'])
    const rows = fixture.spillway!.stats().events.filter(({ event }) => event === 'reel:frame')
    expect(rows.map(({ invalid }) => invalid)).to.deep.equal([1, 0])
  })

  it('takes no argument for an offset where there is none', async () => {
    await start()
    const client = await fixture.raw()
    starve(fixture, client)
    const isWritable = () =>
      [...fixture.io.sockets.sockets.values()].every(({ conn }) => conn.transport.writable)
    await eventually(isWritable)
    fixture.io.volatile.emit('reel:frame', { n: 1 }, 'the last one')
    fixture.io.emit('reel:frame', { n: 2 }, 'the last one')
    client.resume()
    await client.until(() => client.received('reel:frame').length === 2)
    const frames = client.frames.filter((frame) => String(frame).includes('reel:frame'))
    expect(frames).to.deep.equal([
      '42["reel:frame",{"n":1},"the last one"]',
      '42["reel:frame",{"n":2},"the last one",null]',
    ])
  })

  it('keeps the latest critical packet for as long as a client may refer to it', () => {
    const opts = { rooms: new Set(), except: new Set() }
    const packet = (id: string, emittedAt: number) => ({ id, opts, data: ['e', id], emittedAt })
    const packets = [packet('a', 1), packet('b', 500)]
    const data = packets[1]!.data
    const kept = forget({ type: 2, nsp: '/', data }, { packets })
    expect(kept?.data).to.deep.equal(['e', 'a'])
    expect(packets.map(({ id, emittedAt }) => [id, emittedAt])).to.deep.equal([['a', 500]])
    expect(forget({ type: 2, nsp: '/', data: ['e', 'z'] }, { packets })).to.equal(undefined)
    expect(forget({ type: 2, nsp: '/', data }, undefined)).to.equal(undefined)
    expect(packets).to.have.length(1)
  })
})

describe('onClosed', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  it('tells what a closed client was not sent, by namespace and event', async () => {
    const summaries: Array<[string, ClosedSummary]> = []
    fixture = await startServer({
      messages,
      onClosed: (socket, summary) => {
        summaries.push([socket.id, summary])
        throw new Error('of the application')
      },
    })
    const client = await fixture.raw()
    const [id] = [...fixture.io.of('/').sockets.keys()]
    starve(fixture, client)
    for (let n = 0; n < 3; n++) fixture.io.emit('reel:frame', { n, pad })
    fixture.io.emit('odds:now', { table: 'a', n: 1 })
    fixture.spillway!.terminate(id!)
    await eventually(() => summaries.length > 0)
    const [[socket, summary]] = summaries as [[string, ClosedSummary]]
    expect(socket).to.equal(id)
    expect(summary).to.deep.include({
      code: 'terminated',
      messages: 4,
      events: { 'reel:frame': 3, 'odds:now': 1 },
    })
    expect(summary.bytes).to.be.within(6000, 6300)
    expect(summary.inFlight).to.be.greaterThan(16_000)
  })

  it('is not called for a client that leaves with nothing queued', async () => {
    let called = 0
    fixture = await startServer({ messages, onClosed: () => called++ })
    const client = await fixture.raw()
    fixture.io.emit('jackpot:won', { n: 1 })
    await client.until(() => client.received('jackpot:won').length === 1)
    client.close()
    await eventually(() => fixture.spillway!.stats().clients.connected === 0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(called).to.equal(0)
  })
})

describe('gapEvent', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  it('tells the client what it was not sent, once when it has caught up', async () => {
    const shed: unknown[] = []
    fixture = await startServer({
      messages,
      gapEvent: 'gap',
      onShed: (_socket, { dropped, conflated, expired }) =>
        shed.push({ dropped, conflated, expired }),
    })
    const [slow, fast] = [await fixture.raw(), await fixture.raw()]
    const before = Date.now()
    const [id] = [...fixture.io.of('/').sockets.keys()]
    starve(fixture, slow)
    for (let n = 0; n < 5; n++) fixture.io.to(id!).emit('odds:now', { table: 'a', n })
    slow.resume()
    await slow.until(() => slow.received('gap').length > 0)
    const [gap] = slow.received<{ since: number }>('gap')
    expect(gap).to.deep.include({ dropped: 0, conflated: 4, expired: 0 })
    expect(gap!.since).to.be.within(before - 1, Date.now())
    expect(shed).to.deep.equal([{ dropped: 0, conflated: 4, expired: 0 }])
    fixture.io.emit('jackpot:won', { n: 1 })
    await slow.until(() => slow.received('jackpot:won').length === 1)
    await fast.until(() => fast.received('jackpot:won').length === 1)
    expect(slow.received('gap')).to.have.length(1)
    expect(fast.received('gap')).to.deep.equal([])
  })

  it('is not sent if nobody asked for it', async () => {
    let shed = 0
    fixture = await startServer({ messages, onShed: () => shed++ })
    const slow = await fixture.raw()
    starve(fixture, slow)
    for (let n = 0; n < 5; n++) fixture.io.emit('odds:now', { table: 'a', n })
    slow.resume()
    await eventually(() => shed === 1)
    fixture.io.emit('jackpot:won', { n: 1 })
    await slow.until(() => slow.received('jackpot:won').length === 1)
    expect(new Set(slow.events)).to.deep.equal(new Set(['filler', 'odds:now', 'jackpot:won']))
  })
})
