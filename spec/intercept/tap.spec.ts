import { expect } from 'chai'
import type { ServerOptions } from 'socket.io'
import * as msgpack from 'socket.io-msgpack-parser'
import { attach } from '../../lib/attach.ts'
import type { MessageMap } from '../../schemas/events.ts'
import { BOUNDLESS, choke, starve } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { makePair } from '../support/servers/pair-adapter.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

describe('Interception', () => {
  const open: Fixture[] = []

  async function start(
    options: Parameters<typeof startServer>[0] = { messages },
    serverOptions?: Partial<ServerOptions>,
  ): Promise<Fixture> {
    const fixture = await startServer(options, serverOptions)
    open.push(fixture)
    return fixture
  }

  afterEach(async () => {
    for (const fixture of open.splice(0)) await fixture.close()
  })

  /** Deliveries of an event counted under its own annotation: it passed the classifier. */
  function sent({ spillway }: Fixture, event: string, namespace = '/'): number {
    return spillway!
      .stats()
      .events.filter((each) => each.event === event && each.namespace === namespace)
      .reduce((sum, each) => sum + each.sent.messages, 0)
  }

  describe('who emits', () => {
    it('socket.emit, io.emit, rooms and except', async () => {
      const fixture = await start()
      const [one, two] = [await fixture.raw(), await fixture.raw()]
      const [first] = [...fixture.io.sockets.sockets.values()]
      first!.emit('jackpot:won', { n: 1 })
      first!.join('vip')
      fixture.io.to('vip').emit('jackpot:won', { n: 2 })
      fixture.io.except('vip').emit('jackpot:won', { n: 3 })
      fixture.io.emit('jackpot:won', { n: 4 })
      first!.broadcast.emit('jackpot:won', { n: 5 })
      await one.until(() => one.events.length === 3)
      await two.until(() => two.events.length === 3)
      expect(sent(fixture, 'jackpot:won')).to.equal(6)
    })

    it('a static and a dynamic namespace, each with its own map', async () => {
      const namespaces = new Map<string | RegExp, MessageMap>([
        ['/lobby', { hello: messages['reel:frame'] }],
        [/^\/table-\d+$/, { hello: messages['jackpot:won'] }],
      ])
      const fixture = await start({ namespaces })
      fixture.io.of('/lobby')
      fixture.io.of(/^\/table-\d+$/)
      const lobby = await fixture.raw({ namespace: '/lobby' })
      const table = await fixture.raw({ namespace: '/table-7' })
      fixture.io.of('/lobby').emit('hello', { n: 1 })
      fixture.io.of('/table-7').emit('hello', { n: 1 })
      await lobby.until(() => lobby.events.length === 1)
      await table.until(() => table.events.length === 1)
      expect(sent(fixture, 'hello', '/lobby')).to.equal(1)
      expect(sent(fixture, 'hello', String(/^\/table-\d+$/))).to.equal(1)
    })

    it('broadcasts that arrive from another node', async () => {
      const adapter = makePair() as unknown as ServerOptions['adapter']
      const [here, there] = [await start({ messages }, { adapter }), await start({}, { adapter })]
      const client = await here.raw()
      starve(here, client)
      there.io.emit('reel:frame', { n: 1 })
      there.io.emit('jackpot:won', { n: 1 })
      const lanes = () => [...here.spillway!.clients()][0]!.lanes
      await eventually(() => lanes().cosmetic.messages > 0)
      client.resume()
      await client.until(() => client.received('jackpot:won').length === 1)
      expect(sent(here, 'jackpot:won')).to.equal(1)
      const { cosmetic } = here.spillway!.stats().classes
      expect(cosmetic.sent.messages + cosmetic.dropped.messages).to.equal(1)
    })

    it('recovered sockets, for which middlewares are skipped', async () => {
      const fixture = await start({ messages }, { connectionStateRecovery: {} })
      const client = await fixture.client({ reconnection: true, reconnectionDelay: 10 })
      fixture.io.emit('jackpot:won', { n: 1 })
      await new Promise((resolve) => client.once('jackpot:won', resolve))
      client.io.engine.close()
      await new Promise<void>((resolve) => client.once('connect', resolve))
      expect(client.recovered).to.equal(true)
      const got = new Promise((resolve) => client.once('reel:frame', resolve))
      fixture.io.emit('reel:frame', { n: 2 })
      await got
      expect(fixture.spillway!.client(client.id!)?.sent.messages).to.be.greaterThan(1)
      expect(fixture.spillway!.stats().events.some(({ invalid }) => invalid > 0)).to.equal(false)
      expect(sent(fixture, 'reel:frame')).to.equal(1)
    })

    it('recovered sockets, which get nothing critical twice that overtook something', async () => {
      const fixture = await start({ messages }, { connectionStateRecovery: {} })
      const client = await fixture.client({ reconnection: true, reconnectionDelay: 10 })
      const jackpots: number[] = []
      client.on('jackpot:won', ({ n }: { n: number }) => jackpots.push(n))
      const { ws } = client.io.engine.transport as unknown as {
        ws: { pause(): void; resume(): void }
      }
      ws.pause()
      fixture.io.emit('jackpot:won', { n: 1, pad: pad.repeat(8) })
      fixture.io.emit('reel:frame', { n: 1 })
      fixture.io.emit('jackpot:won', { n: 2 })
      const frame = new Promise((resolve) => client.once('reel:frame', resolve))
      ws.resume()
      await frame
      expect(jackpots).to.deep.equal([1, 2])
      client.io.engine.close()
      await new Promise<void>((resolve) => client.once('connect', resolve))
      const last = new Promise((resolve) => client.once('jackpot:won', resolve))
      fixture.io.emit('jackpot:won', { n: 3 })
      await last
      expect(client.recovered).to.equal(true)
      expect(jackpots).to.deep.equal([1, 2, 3])
    })

    it('connections that were there before', async () => {
      const plain = await startServer('plain')
      const client = await plain.raw()
      open.push(plain)
      const spillway = attach(plain.io, { messages })
      plain.io.emit('jackpot:won', { n: 1 })
      await client.until(() => client.events.length === 1)
      expect(spillway.stats().clients.connected).to.equal(1)
      expect(spillway.stats().classes.critical.sent.messages).to.equal(1)
      spillway.close()
    })

    it('code that writes past Socket.IO, with its callback', async () => {
      const fixture = await start()
      const client = await fixture.raw()
      const [socket] = [...fixture.io.sockets.sockets.values()]
      const conn = socket!.conn as unknown as { send(data: string, done: () => void): void }
      await new Promise<void>((resolve) => conn.send('2["raw"]', resolve))
      await client.until(() => client.events.includes('raw'))
    })
  })

  describe('the msgpack parser', () => {
    it('is classified by the identity of its buffers', async () => {
      const fixture = await start({ messages }, { parser: msgpack })
      const client = await fixture.client({ parser: msgpack })
      const got: number[] = []
      client.on('reel:frame', ({ n }: { n: number }) => got.push(n))
      const last = new Promise((resolve) => client.once('jackpot:won', resolve))
      for (let n = 0; n < 3; n++) fixture.io.emit('reel:frame', { n })
      fixture.io.emit('jackpot:won', { n: 1 })
      await last
      expect(got).to.deep.equal([0, 1, 2])
      expect(sent(fixture, 'reel:frame')).to.equal(3)
      expect(sent(fixture, 'jackpot:won')).to.equal(1)
    })
  })

  describe('a starved client', () => {
    it('gets critical messages before the cosmetic ones that were emitted earlier', async () => {
      const fixture = await start()
      const client = await fixture.raw()
      starve(fixture, client)
      for (let n = 0; n < 20; n++) {
        fixture.io.emit('reel:frame', { n })
        fixture.io.emit('jackpot:won', { n })
      }
      client.resume()
      await client.until(() => client.received('reel:frame').length === 20)
      const events = client.events.filter((event) => event !== 'filler')
      expect(events).to.deep.equal([
        ...Array(20).fill('jackpot:won'),
        ...Array(20).fill('reel:frame'),
      ])
      const order = [...Array(20).keys()]
      expect(client.received<{ n: number }>('jackpot:won').map(({ n }) => n)).to.deep.equal(order)
      expect(client.received<{ n: number }>('reel:frame').map(({ n }) => n)).to.deep.equal(order)
    })

    it('gets of each conflation key the newest only', async () => {
      const fixture = await start()
      const client = await fixture.raw()
      starve(fixture, client)
      for (let n = 0; n < 50; n++) {
        fixture.io.emit('odds:now', { table: n % 2 ? 'odd' : 'even', n })
      }
      client.resume()
      await client.until(() => client.received('odds:now').length === 2)
      expect(client.received<{ n: number }>('odds:now').map(({ n }) => n)).to.deep.equal([48, 49])
      expect(
        [...fixture.spillway!.stats().events].find(
          (e) => e.class === 'cosmetic' && e.event === 'odds:now',
        ),
      ).to.have.nested.property('conflated.messages', 48)
    })

    it('has its cosmetic messages shed above high, and every critical one kept', async () => {
      const fixture = await start()
      const client = await fixture.raw()
      starve(fixture, client)
      for (let n = 0; n < 200; n++) fixture.io.emit('reel:frame', { n, pad })
      for (let n = 0; n < 100; n++) fixture.io.emit('jackpot:won', { n, pad })
      const [stats] = [...fixture.spillway!.clients()]
      expect(stats!.congested).to.equal(true)
      expect(stats!.lanes.cosmetic.bytes).to.be.at.most(fixture.spillway!.limits.high)
      client.resume()
      await client.until(() => client.received('jackpot:won').length === 100)
      await client.until(() => client.received<{ n: number }>('reel:frame').at(-1)?.n === 199)
      const frames = client.received<{ n: number }>('reel:frame').map(({ n }) => n)
      expect(frames.length).to.be.lessThan(200)
      expect(frames).to.deep.equal([...frames].sort((a, b) => a - b))
      const { dropped } = fixture.spillway!.stats().classes.cosmetic
      expect(dropped.messages).to.equal(200 - frames.length)
    })

    it('gets a packet with attachments as one unit', async () => {
      const fixture = await start()
      const client = await fixture.raw()
      starve(fixture, client)
      for (let n = 0; n < 100; n++) {
        fixture.io.emit('blob', { n, data: Buffer.alloc(3000, n) })
        fixture.io.emit('jackpot:won', { n })
        fixture.io.emit('unannotated', Buffer.from([1]), Buffer.from([2]))
      }
      client.resume()
      await client.until(
        () => client.events.filter((event) => event === 'unannotated').length === 100,
      )
      await eventually(() => [...fixture.spillway!.clients()][0]!.buffered === 0)
      client.send('42["done"]')
      fixture.io.emit('done')
      await client.until(() => client.events.includes('done'))
      let expected = 0
      for (const frame of client.frames) {
        if (typeof frame !== 'string') {
          expect(expected, 'attachments due').to.be.greaterThan(0)
          expected--
        } else {
          expect(expected, `attachments missing before ${frame.slice(0, 40)}`).to.equal(0)
          expected = Number(/^45(\d+)-/.exec(frame)?.[1] ?? 0)
        }
      }
      const { cosmetic } = fixture.spillway!.stats().classes
      expect(cosmetic.dropped.messages).to.be.greaterThan(0)
      expect(cosmetic.sent.messages + cosmetic.dropped.messages).to.equal(100)
    })

    it('gets a DISCONNECT after what was queued before it in its namespace', async () => {
      const fixture = await start({ namespaces: { '/game': messages } })
      fixture.io.of('/game')
      const client = await fixture.raw()
      await client.join('/game')
      starve(fixture, client)
      const [socket] = [...fixture.io.of('/game').sockets.values()]
      socket!.emit('reel:frame', { n: 1 })
      socket!.emit('jackpot:won', { n: 2 })
      socket!.disconnect()
      client.resume()
      await client.until(() => client.frames.includes('41/game,'))
      const tail = client.frames.filter((frame) => String(frame).includes('/game'))
      expect(tail.slice(1).map((frame) => String(frame).slice(0, 24))).to.deep.equal([
        '42/game,["jackpot:won",{',
        '42/game,["reel:frame",{"',
        '41/game,',
      ])
    })

    it('gets everything that is critical before disconnect(true) closes it', async () => {
      const fixture = await start({ messages, watermarks: BOUNDLESS })
      const client = await fixture.raw()
      await choke(fixture, client)
      const [socket] = [...fixture.io.sockets.sockets.values()]
      for (let n = 0; n < 50; n++) socket!.emit('jackpot:won', { n, pad })
      socket!.disconnect(true)
      client.resume()
      await client.until(() => !client.open)
      expect(client.received('jackpot:won')).to.have.length(50)
      expect(client.frames.at(-1)).to.equal('41')
    })

    it('gets every ack, and every event that asks for one', async () => {
      const fixture = await start({ messages, watermarks: BOUNDLESS })
      fixture.io.on('connection', (socket) => socket.on('ask', (n: number, ack) => ack(n)))
      const client = await fixture.raw()
      await choke(fixture, client)
      for (let n = 0; n < 30; n++) fixture.io.emit('reel:frame', { n, pad })
      for (let n = 0; n < 30; n++) client.send(`42${n}["ask",${n}]`)
      const [socket] = [...fixture.io.sockets.sockets.values()]
      const answers = Promise.all(
        [...Array(30).keys()].map((n) => socket!.emitWithAck('reel:frame', { n, pad })),
      )
      await eventually(() => [...fixture.spillway!.clients()][0]!.lanes.critical.messages >= 60)
      client.resume()
      await client.until(
        () => client.frames.filter((frame) => /^43/.test(String(frame))).length === 30,
      )
      await client.until(
        () => client.frames.filter((frame) => /^42\d+\[/.test(String(frame))).length === 30,
      )
      for (const frame of client.frames) {
        const id = /^42(\d+)\[/.exec(String(frame))?.[1]
        if (id) client.send(`43${id}[]`)
      }
      await answers
    })
  })

  describe('a client that keeps up', () => {
    it('is written to when the tick ends, before anything else happens', async () => {
      const fixture = await start()
      await fixture.raw()
      const [socket] = [...fixture.io.sockets.sockets.values()]
      const tcp = socket!.conn.request.socket
      const before = tcp.bytesWritten
      fixture.io.emit('jackpot:won', { n: 1 })
      await new Promise<void>((resolve) => process.nextTick(resolve))
      expect(tcp.bytesWritten).to.be.greaterThan(before)
    })

    it('shares the frame and the options of a broadcast with all others', async () => {
      const fixture = await start()
      await fixture.raw()
      await fixture.raw()
      const seen: Array<{ options: { wsPreEncodedFrame?: unknown } }> = []
      for (const { conn } of fixture.io.sockets.sockets.values()) {
        conn.on('packetCreate', (packet) => seen.push(packet))
      }
      fixture.io.emit('jackpot:won', { n: 1 })
      expect(seen).to.have.length(2)
      expect(seen[0]!.options).to.equal(seen[1]!.options)
      expect(seen[0]!.options.wsPreEncodedFrame).to.be.an('array')
    })

    it('keeps the order of emits that listeners make while another is being sent', async () => {
      const fixture = await start()
      const client = await fixture.raw()
      const [socket] = [...fixture.io.sockets.sockets.values()]
      socket!.onAnyOutgoing((event) => {
        if (event === 'jackpot:won') fixture.io.emit('nested', Buffer.from('a'))
      })
      fixture.io.emit('jackpot:won', { n: 1 })
      await client.until(() => client.events.includes('jackpot:won'))
      expect(client.events).to.deep.equal(['nested', '(binary)', 'jackpot:won'])
    })
  })

  it('gives the server its own methods back, and what is queued to the client', async () => {
    const fixture = await start()
    const client = await fixture.raw()
    starve(fixture, client)
    for (let n = 0; n < 10; n++) fixture.io.emit('reel:frame', { n })
    fixture.spillway!.close()
    const [socket] = [...fixture.io.sockets.sockets.values()]
    for (const name of ['write', 'send', 'close', 'flush']) {
      expect(Object.hasOwn(socket!.conn, name), name).to.equal(false)
    }
    expect(Object.hasOwn(fixture.io, 'bind')).to.equal(false)
    const listeners = socket!.conn.listenerCount('close')
    attach(fixture.io, {}).close()
    expect(socket!.conn.listenerCount('close')).to.equal(listeners)
    client.resume()
    await client.until(() => client.received('reel:frame').length === 10)
    fixture.io.emit('after')
    await client.until(() => client.events.includes('after'))
  })
})
