import { expect } from 'chai'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

/** What holds over every transport; their differences are data. */
const TRANSPORTS = [
  { name: 'websocket', transports: ['websocket'], ends: 'websocket' },
  { name: 'polling', transports: ['polling'], ends: 'polling' },
  { name: 'polling, then upgrade', transports: ['polling', 'websocket'], ends: 'websocket' },
]

for (const { name, transports, ends } of TRANSPORTS) {
  describe(`Over ${name}`, () => {
    let fixture: Fixture

    beforeEach(async () => {
      fixture = await startServer({
        messages,
        watermarks: { low: 32_768, high: 65_536, horizon: 0 },
      })
    })

    afterEach(() => fixture.close())

    it('every critical message arrives once and in order, attachments whole', async () => {
      const client = await fixture.client({ transports })
      const jackpots: number[] = []
      const blobs: number[] = []
      client.on('jackpot:won', ({ n }: { n: number }) => jackpots.push(n))
      client.on('attached', (n: number, data: Buffer, more: Buffer) => {
        expect([data.length, more.length]).to.deep.equal([5000, 10])
        blobs.push(n)
      })
      // emitted while the upgrade goes on, in bursts that exceed what is handed over at once
      for (let burst = 0; burst < 20; burst++) {
        for (let n = burst * 30; n < burst * 30 + 30; n++) {
          fixture.io.emit('jackpot:won', { n, pad })
          if (n % 10 === 0) fixture.io.emit('attached', n, Buffer.alloc(5000), Buffer.alloc(10))
          fixture.io.emit('reel:frame', { n, pad })
        }
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await eventually(() => jackpots.length >= 600 && blobs.length >= 60)
      await eventually(() => client.io.engine.transport.name === ends)
      expect(jackpots).to.deep.equal([...Array(600).keys()])
      expect(blobs).to.deep.equal([...Array(60).keys()].map((n) => n * 10))
      const stats = () => [...fixture.spillway!.clients()][0]!
      await eventually(() => stats().buffered === 0 && stats().state === 'ready')
      expect(stats()).to.include({ transport: ends, congested: false })
      const { cosmetic } = fixture.spillway!.stats().classes
      expect(cosmetic.sent.messages + cosmetic.dropped.messages).to.equal(600)
    })

    it('cosmetic messages arrive in order, without those that were shed', async () => {
      const client = await fixture.client({ transports })
      const frames: number[] = []
      client.on('reel:frame', ({ n }: { n: number }) => frames.push(n))
      const done = new Promise((resolve) => client.once('jackpot:won', resolve))
      for (let n = 0; n < 300; n++) fixture.io.emit('reel:frame', { n, pad })
      fixture.io.emit('jackpot:won', { n: 1 })
      await done
      await eventually(() => frames.at(-1) === 299)
      expect(frames).to.deep.equal([...frames].sort((a, b) => a - b))
      const { cosmetic } = fixture.spillway!.stats().classes
      expect(frames.length).to.equal(300 - cosmetic.dropped.messages)
      expect(cosmetic.dropped.messages).to.be.greaterThan(0)
    })
  })
}

describe('What is outstanding to a client', () => {
  let fixture: Fixture

  beforeEach(async () => {
    fixture = await startServer({ messages, watermarks: BOUNDLESS, stallAfter: 60_000 })
  })

  afterEach(() => fixture.close())

  const outstanding = () => [...fixture.spillway!.clients()][0]!.outstanding

  it('is nothing again when the kernel has taken what it had refused', async () => {
    const client = await fixture.raw()
    await choke(fixture, client)
    expect(outstanding()).to.be.greaterThan(0)
    client.resume()
    await eventually(() => outstanding() === 0)
    const [socket] = fixture.io.sockets.sockets.values()
    const written = new Promise<void>((resolve) => {
      socket!.conn.write('x', {}, () => resolve())
    })
    await written
    await eventually(() => outstanding() === 0)
  })

  for (const closing of [false, true]) {
    const which = closing ? 'closing already' : 'open'
    it(`is let go of at once, with one that is terminated between polls, ${which}`, async () => {
      const poll = `${fixture.url}/socket.io/?EIO=4&transport=polling`
      const { sid } = JSON.parse((await (await fetch(poll)).text()).slice(1))
      await fetch(`${poll}&sid=${sid}`, { method: 'POST', body: '40' })
      await (await fetch(`${poll}&sid=${sid}`)).text()
      const [client] = [...fixture.spillway!.clients()]
      // as Socket.IO does with a client that it does not understand
      if (closing) [...fixture.io.sockets.sockets.values()][0]!.conn.close()
      else {
        fixture.io.emit('jackpot:won', { n: 1, pad })
        expect(outstanding()).to.be.greaterThan(pad.length)
      }
      expect(fixture.io.engine.clientsCount).to.equal(1)
      fixture.spillway!.terminate(client!.id)
      expect(fixture.io.engine.clientsCount).to.equal(0)
      expect(fixture.spillway!.stats()).to.include({ buffered: 0 })
    })
  }

  it('follows a client from one WebSocket to another', async () => {
    const client = await fixture.raw()
    const sid = Object.keys(Reflect.get(fixture.io.engine, 'clients'))[0]
    const second = await fixture.raw({ query: `&sid=${sid}`, joins: ['2probe', '5'] })
    await eventually(() => !client.open)
    fixture.io.emit('jackpot:won', { n: 1 })
    await second.until(() => second.received('jackpot:won').length === 1)
    await eventually(() => outstanding() === 0)
    fixture.spillway!.terminate([...fixture.spillway!.clients()][0]!.id)
    await eventually(() => fixture.io.engine.clientsCount === 0)
  })

  it('has in it what was written past the scheduler', async () => {
    const client = await fixture.raw()
    const [socket] = fixture.io.sockets.sockets.values()
    client.stall()
    socket!.conn.write('4'.repeat(20_000_000), {}, () => {})
    await eventually(() => outstanding() > 1_000_000)
    client.resume()
    await eventually(() => outstanding() === 0)
  })
})
