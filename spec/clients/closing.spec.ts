import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { z } from 'zod'
import { cosmetic } from '../../schemas/priority.ts'
import type { ClosedClient } from '../../schemas/stats.ts'
import { BOUNDLESS, choke, starve } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'

const KiB = 1024
const watermarks = {
  low: 32 * KiB,
  high: 64 * KiB,
  limit: 256 * KiB,
  emergency: 2048 * KiB,
  horizon: 0,
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Nothing of this process runs meanwhile, but time passes. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

describe('Closing', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  async function starved(options: object): Promise<RawClient> {
    fixture = await startServer({ messages, watermarks, ...options })
    const client = await fixture.raw()
    client.stall()
    return client
  }

  function closing(): Promise<[ClosedClient]> {
    return once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
  }

  function backlog(bytes: number): void {
    for (let sent = 0; sent < bytes; sent += 2 * KiB) fixture.io.emit('jackpot:won', { n: 1, pad })
  }

  it('ends a client above the limit that makes no progress', async () => {
    await starved({ stallAfter: 200, grace: 0 })
    const closed = closing()
    backlog(300 * KiB)
    const [client] = await closed
    expect(client).to.include({ code: 'over-limit', address: '127.0.0.1' })
    expect(client.inFlight! + client.undelivered.bytes).to.be.greaterThan(256 * KiB)
    expect(fixture.spillway!.stats().closed['over-limit']).to.equal(1)
    expect(fixture.spillway!.closed()).to.deep.equal([client])
  })

  it('leaves a client alone whose answer waits for a process that stood still', async () => {
    fixture = await startServer({ messages, watermarks, stallAfter: 400, grace: 0 })
    const { io, spillway } = fixture
    const client = await fixture.client({ transports: ['polling'] })
    for (let n = 1; n <= 3; n++) {
      const got = once(client as never, 'jackpot:won')
      // timers that are due run next, before what has arrived is read
      await turn()
      io.emit('jackpot:won', { n, pad: '' })
      standStill(1000)
      expect(await got).to.deep.equal([{ n, pad: '' }])
      await eventually(() => spillway!.stats().buffered === 0 && spillway!.readings.sizes.lap === 0)
    }
    expect(spillway!.stats().closed.stalled).to.equal(0)
    expect(client.connected).to.equal(true)
  })

  it('looks after a client however many others have gone', async () => {
    await starved({ stallAfter: 2000, grace: 0 })
    const { io, spillway } = fixture
    const leaving = await Promise.all(Array.from({ length: 1000 }, () => fixture.raw()))
    for (const client of leaving) client.stall()
    io.emit('jackpot:won', { n: 1, pad: '' })
    await eventually(() => spillway!.readings.sizes.lap > 700)
    for (const client of leaving) client.close()
    await eventually(() => spillway!.readings.sizes.clients === 1)
    await eventually(() => spillway!.stats().closed.stalled === 1)
    await eventually(() => spillway!.readings.sizes.lap === 0)
  })

  it('looks after a client however many others come and go', async () => {
    await starved({ stallAfter: 1000, grace: 0 })
    const talkers = await Promise.all(
      Array.from({ length: 8 }, () => fixture.raw({ autoPong: false })),
    )
    const closed: ClosedClient[] = []
    fixture.spillway!.events.on('closed', (one: ClosedClient) => closed.push(one))
    // blind clients leave the sweep and come back with every message
    const talking = setInterval(() => {
      for (const talker of talkers) talker.send('42["hello"]')
      fixture.io.emit('jackpot:won', { n: 1, pad: '' })
    }, 5)
    try {
      await eventually(() => closed.some(({ code }) => code === 'stalled'), 15_000)
      expect(talkers.every(({ open }) => open)).to.equal(true)
    } finally {
      clearInterval(talking)
    }
  })

  it('spares one that is slow but takes something', async () => {
    const client = await starved({ stallAfter: 300, grace: 0 })
    backlog(300 * KiB)
    const reading = setInterval(() => {
      client.resume()
      setImmediate(() => client.stall())
    }, 20)
    try {
      await eventually(() => client.received('jackpot:won').length > 100, 15_000)
      expect(fixture.spillway!.closed()).to.deep.equal([])
    } finally {
      clearInterval(reading)
    }
  })

  it('spares one in its grace', async () => {
    const client = await starved({ stallAfter: 100, grace: 3_600_000 })
    backlog(300 * KiB)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(client.open).to.equal(true)
    expect(fixture.spillway!.closed()).to.deep.equal([])
  })

  it('ends one at the emergency cap at once, grace or not', async () => {
    await starved({ grace: 3_600_000 })
    const closed = closing()
    backlog(2100 * KiB)
    expect((await closed)[0].code).to.equal('emergency')
  })

  it('never ends an idle client for one large message', async () => {
    fixture = await startServer({ messages, watermarks })
    const client = await fixture.raw()
    fixture.io.emit('jackpot:won', { n: 1, pad: 'x'.repeat(4096 * KiB) })
    await client.until(() => client.received('jackpot:won').length === 1)
    expect(fixture.spillway!.closed()).to.deep.equal([])
  })

  it('closes nobody in mode observe', async () => {
    const client = await starved({ stallAfter: 100, grace: 0 })
    fixture.spillway!.setMode('observe')
    backlog(3000 * KiB)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(client.open).to.equal(true)
    for (let n = 0; n < 10; n++) fixture.io.emit('reel:frame', { n })
    expect(fixture.spillway!.stats().classes.cosmetic).to.have.nested.property(
      'observed.messages',
      10,
    )
    client.resume()
    await client.until(() => client.received('reel:frame').length === 10)
  })

  it('counts in mode observe what would expire of one that takes nothing from the beginning', async () => {
    const frames = cosmetic(z.object({ n: z.number() }), { maxAge: 500 })
    fixture = await startServer({ messages: { 'reel:frame': frames }, mode: 'observe' })
    const client = await fixture.raw()
    client.stall()
    const { spillway, io } = fixture
    await eventually(() => {
      io.emit('reel:frame', { n: 1 })
      return spillway!.stats().classes.cosmetic.observed.messages > 5
    })
    const [stats] = (await spillway!.list()).clients
    expect(stats).to.include({ state: 'ready', congested: false })
  })

  it('ends one that the application closes and that takes nothing', async () => {
    fixture = await startServer({ messages, watermarks: BOUNDLESS, stallAfter: 200 })
    const client = await fixture.raw()
    await choke(fixture, client)
    const closed = closing()
    fixture.io.disconnectSockets(true)
    expect((await closed)[0].code).to.equal('stalled')
  })

  it('ends one that has something in flight and does nothing at all', async () => {
    await starved({ stallAfter: 200 })
    const closed = closing()
    fixture.io.emit('jackpot:won', { n: 1 })
    expect((await closed)[0].code).to.equal('stalled')
  })

  it('spares one that has nothing in flight and does nothing at all', async () => {
    fixture = await startServer({ messages, watermarks, stallAfter: 100 })
    const client = await fixture.raw()
    await eventually(() => [...fixture.spillway!.clients()][0]!.buffered === 0)
    client.stall()
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(client.open).to.equal(true)
  })

  it('tells of a client that left with messages queued', async () => {
    const client = await starved({})
    starve(fixture, client)
    fixture.io.emit('jackpot:won', { n: 1 })
    fixture.io.emit('reel:frame', { n: 1 })
    const closed = closing()
    client.close()
    const [{ code, undelivered, inFlight }] = await closed
    expect(code).to.equal('gone')
    expect(undelivered.messages).to.equal(1)
    expect(inFlight).to.be.greaterThan(16 * KiB)
    expect(fixture.spillway!.stats().classes.cosmetic.undelivered.messages).to.equal(1)
  })

  it('lets the memory of a closed client go within a second', async () => {
    await starved({
      stallAfter: 200,
      grace: 0,
      watermarks: { ...watermarks, emergency: 64 * 1024 * KiB },
    })
    const [socket] = [...fixture.io.sockets.sockets.values()]
    // distinct buffers that only this client's queue holds
    const held = () => process.memoryUsage().arrayBuffers
    // what earlier specs left is freed by another thread
    collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, 500))
    collectGarbage()
    const before = held()
    const closed = closing()
    for (let n = 0; n < 2400; n++) socket!.emit('blob-critical', Buffer.alloc(8 * KiB, n))
    expect(held() - before).to.be.greaterThan(15 * 1024 * KiB)
    await closed
    await eventually(() => {
      collectGarbage()
      return held() - before < 2 * 1024 * KiB
    }, 1000)
  })
})

describe('onShed', () => {
  it('is told once a client has caught up, and may emit', async () => {
    const summaries: unknown[] = []
    const fixture = await startServer({
      messages,
      watermarks,
      onShed: (socket, summary) => {
        summaries.push(summary)
        socket.emit('snapshot')
      },
    })
    try {
      const client = await fixture.raw()
      starve(fixture, client)
      for (let n = 0; n < 100; n++) fixture.io.emit('reel:frame', { n, pad })
      client.resume()
      await client.until(() => client.events.includes('snapshot'))
      expect(summaries).to.have.length(1)
      const { dropped } = fixture.spillway!.stats().classes.cosmetic
      expect(summaries[0]).to.deep.include({
        dropped: dropped.messages,
        conflated: 0,
        expired: 0,
        events: { 'reel:frame': dropped.messages },
      })
    } finally {
      await fixture.close()
    }
  })

  it('is not told while the client is still full, however often something is shed', async () => {
    let told = 0
    const fixture = await startServer({
      messages,
      watermarks: { ...watermarks, limit: 8192 * KiB, emergency: 16_384 * KiB },
      onShed: (socket) => {
        told++
        socket.emit('reel:frame', { n: -1, pad })
      },
    })
    try {
      const client = await fixture.raw()
      client.stall()
      for (let n = 0; n < 10; n++) fixture.io.emit('jackpot:won', { n, pad: pad.repeat(20) })
      for (let n = 0; n < 50; n++) {
        fixture.io.emit('reel:frame', { n, pad })
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(told).to.equal(0)
      client.resume()
      await client.until(() => client.received('jackpot:won').length === 10)
      await eventually(() => told === 1)
    } finally {
      await fixture.close()
    }
  })

  it('that throws is reported and touches nothing else', async () => {
    const fixture = await startServer({
      messages,
      watermarks,
      onShed: () => {
        throw new Error('of the application')
      },
    })
    try {
      const fault = once(fixture.spillway!.events, 'fault')
      const client = await fixture.raw()
      starve(fixture, client)
      for (let n = 0; n < 100; n++) fixture.io.emit('reel:frame', { n, pad })
      client.resume()
      const [where, error] = await fault
      expect([where, (error as Error).message]).to.deep.equal(['onShed', 'of the application'])
      await client.until(() => client.received<{ n: number }>('reel:frame').at(-1)?.n === 99)
    } finally {
      await fixture.close()
    }
  })
})
