import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import type { Socket } from 'socket.io-client'
import { z } from 'zod'
import { startWifi, type Wifi } from '../../demo/lobby/wifi.ts'
import { cosmetic, critical } from '../../schemas/priority.ts'
import { connectors, eventually, type Fixture, startServer } from '../support/servers/server.ts'

/** A mobile link, in bytes a second. */
const RATE = 12_000
const EVERY = 25
const EMITS = 120

const numbered = () => z.object({ n: z.int(), fill: z.string() })
const pictured = () => z.object({ n: z.int(), image: z.instanceof(Buffer) })

const RANKED = {
  chatter: cosmetic(numbered(), { rank: 5 }),
  frame: cosmetic(pictured()),
  ambient: cosmetic(numbered(), { rank: -10 }),
  done: critical(z.object({})),
}
const UNRANKED = {
  chatter: cosmetic(numbered()),
  frame: cosmetic(pictured()),
  ambient: cosmetic(numbered()),
  done: critical(z.object({})),
}

const chatter = (n: number) => ({ n, fill: 'x'.repeat(17) })
const ambient = (n: number) => ({ n, fill: 'x'.repeat(2000) })
const frame = (n: number) => ({ n, image: Buffer.alloc(300, n) })

describe('A rank', function () {
  // while this machine pauses, messages grow old
  this.retries(2)

  let fixture: Fixture
  let wifi: Wifi | undefined
  const clients: Array<{ close(): unknown }> = []

  async function connectSlowly(messages: typeof RANKED | 'plain'): Promise<Socket> {
    fixture = await startServer(messages === 'plain' ? messages : { messages })
    return connectSlowlyTo('/')
  }

  async function connectSlowlyTo(namespace: string): Promise<Socket> {
    const target = { host: '127.0.0.1', port: fixture.port }
    wifi = await startWifi({ target, bytesPerSecond: RATE })
    return connectors(wifi.url, clients).client({}, namespace)
  }

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    // what is on its way would be waited for
    await wifi?.close()
    wifi = undefined
    await fixture.close()
  })

  /** @returns the numbers received of each event, and all of them as they came */
  function listen(client: Socket) {
    const received = { chatter: [] as number[], frame: [] as number[], ambient: [] as number[] }
    const all: string[] = []
    for (const event of ['chatter', 'frame', 'ambient'] as const) {
      client.on(event, ({ n }: { n: number }) => {
        received[event].push(n)
        all.push(`${event} ${n}`)
      })
    }
    return { received, all }
  }

  /** Three to four times what the link carries, and little of it chatter. */
  async function emitAll(): Promise<void> {
    for (let n = 0; n < EMITS; n++) {
      fixture.io.emit('ambient', ambient(n))
      if (n % 4 === 0) fixture.io.emit('frame', frame(n))
      fixture.io.emit('chatter', chatter(n))
      await delay(EVERY)
    }
  }

  const caughtUp = () =>
    [...fixture.spillway!.clients()].every(({ queued, inFlight }) => queued + inFlight === 0)
  const shedOf = (event: string) => {
    const rows = fixture.spillway!.stats().events
    const row = rows.find((each) => each.event === event && each.class === 'cosmetic')!
    return row.dropped.messages + row.expired.messages
  }

  it('decides who goes first: behind 12 KB/s all chatter arrives, and of what surrounds it what is left', async () => {
    const client = await connectSlowly(RANKED)
    const { received } = listen(client)
    await emitAll()
    await eventually(caughtUp)
    expect(received.chatter).to.deep.equal(Array.from({ length: EMITS }, (_, n) => n))
    expect(received.frame).to.deep.equal(Array.from({ length: EMITS / 4 }, (_, n) => 4 * n))
    // what is left of the link is theirs, in their order
    expect(received.ambient).to.deep.equal(received.ambient.toSorted((a, b) => a - b))
    expect(received.ambient.length).to.be.within(10, EMITS - 10)
    expect(shedOf('ambient')).to.equal(EMITS - received.ambient.length)
  })

  it('is reckoned with in observe, which counts what would be shed of each event', async () => {
    fixture = await startServer({ messages: RANKED, mode: 'observe' })
    await connectSlowlyTo('/')
    await emitAll()
    const observedOf = (event: string) => {
      const rows = fixture.spillway!.stats().events
      return rows.find((each) => each.event === event && each.class === 'cosmetic')!.observed
    }
    expect(observedOf('chatter').messages).to.equal(0)
    expect(observedOf('frame').messages).to.equal(0)
    expect(observedOf('ambient').messages).to.be.within(EMITS / 4, EMITS - 10)
  })

  it('that nobody has leaves the order of the emits, as without the plugin', async () => {
    const orders: string[][] = []
    for (const messages of [UNRANKED, 'plain'] as const) {
      const client = await connectSlowly(messages)
      const { all } = listen(client)
      const done = new Promise((resolve) => client.once('done', resolve))
      for (let n = 0; n < 12; n++) {
        fixture.io.emit('ambient', ambient(n))
        fixture.io.emit('frame', frame(n))
        fixture.io.emit('chatter', chatter(n))
        await delay(EVERY)
      }
      if (messages !== 'plain') await eventually(caughtUp)
      fixture.io.emit('done', {})
      await done
      orders.push(all)
      if (messages === 'plain') break
      await fixture.close()
      await wifi!.close()
    }
    const [spillway, plain] = orders
    expect(spillway!.length).to.be.above(12)
    const kept = new Set(spillway)
    expect(spillway).to.deep.equal(plain!.filter((each) => kept.has(each)))
  })

  it('is the order of the queue, in which it leaves', async () => {
    const client = await connectSlowly(RANKED)
    const { all } = listen(client)
    const [socket] = await fixture.io.fetchSockets()
    // until one has to wait
    let first = 0
    while (fixture.spillway!.queue(socket!.id)!.messages.length === 0) {
      fixture.io.emit('ambient', ambient(first++))
    }
    for (let n = first; n < first + 3; n++) {
      fixture.io.emit('ambient', ambient(n))
      fixture.io.emit('frame', frame(n))
      fixture.io.emit('chatter', chatter(n))
    }
    const queue = fixture.spillway!.queue(socket!.id)!.messages
    expect(queue.map(({ event }) => event)).to.deep.equal([
      ...Array(3).fill('chatter'),
      ...Array(3).fill('frame'),
      ...Array(4).fill('ambient'),
    ])
    await eventually(() => all.length >= queue.length)
    await eventually(caughtUp)
    const behind = all.slice(-queue.length)
    expect(behind.map((each) => each.split(' ')[0])).to.deep.equal(queue.map(({ event }) => event))
  })

  it('does not keep what waits behind it: that expires by its own age', async () => {
    const client = await connectSlowly(RANKED)
    const { received } = listen(client)
    const [socket] = await fixture.io.fetchSockets()
    const waiting = () => fixture.spillway!.queue(socket!.id, 1000)!.messages
    const since = Date.now()
    for (let n = 0; waiting().length < 5; n++) fixture.io.emit('frame', frame(n))
    for (let n = 0; n < 20; n++) fixture.io.emit('ambient', ambient(n))
    // more than the link carries, of the highest rank
    for (let n = 0; waiting().some(({ event }) => event === 'ambient'); n++) {
      if (Date.now() - since > 15_000) expect.fail('it waits for ever')
      fixture.io.emit('chatter', { n, fill: 'x'.repeat(2000) })
      await delay(EVERY)
    }
    expect(waiting().some(({ event }) => event === 'chatter')).to.equal(true)
    await eventually(caughtUp)
    expect(received.ambient.length + shedOf('ambient')).to.equal(20)
    expect(shedOf('ambient')).to.be.above(0)
  })

  it('holds in front of a DISCONNECT, which follows all of its namespace', async () => {
    fixture = await startServer({ messages: RANKED, namespaces: { '/side': RANKED } })
    fixture.io.of('/side')
    const client = await connectSlowlyTo('/side')
    const { all } = listen(client)
    const [socket] = await fixture.io.of('/side').fetchSockets()
    let first = 0
    while (fixture.spillway!.queue(socket!.id)!.messages.length === 0) {
      fixture.io.of('/side').emit('ambient', ambient(first++))
    }
    for (const event of ['ambient', 'chatter', 'frame'] as const) {
      fixture.io.of('/side').emit(event, { ambient, chatter, frame }[event](first) as never)
    }
    const gone = new Promise((resolve) => client.once('disconnect', resolve))
    socket!.disconnect()
    await gone
    expect(all.slice(-4)).to.deep.equal([
      `chatter ${first}`,
      `frame ${first}`,
      `ambient ${first - 1}`,
      `ambient ${first}`,
    ])
  })
})
