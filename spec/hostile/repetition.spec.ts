import { expect } from 'chai'
import type { Socket } from 'socket.io'
import { MiB } from '../../lib/base/units.ts'
import { Lane } from '../../lib/channel/lane.ts'
import { LEFT_SOCKET } from '../../lib/message/memory-costs.ts'
import { choke } from '../support/clients/flood.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'

const KiB = 1024
/** Of which only `limit` is out of reach. */
const watermarks = { low: 64 * KiB, high: 128 * KiB, limit: 256 * MiB, emergency: 512 * MiB }
const ROUNDS = 1000

/** What a client can do again and again costs the same each time, and leaves nothing. */
describe('Repetition', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  /** Joins and leaves the main namespace; each answer waits, if the client does not read. */
  async function joinAndLeave(client: RawClient, rounds: number): Promise<void> {
    let connections = 0
    await new Promise<void>((resolve) => {
      const leave = (socket: Socket) => {
        socket.once('disconnect', () => client.send('40'))
        client.send('41')
      }
      fixture.io.on('connection', (socket) => {
        if (++connections < rounds) leave(socket)
        else resolve()
      })
      leave([...fixture.io.sockets.sockets.values()][0]!)
    })
    fixture.io.removeAllListeners('connection')
  }

  describe('of joining and leaving', () => {
    it('by a client that reads nothing looks at nothing that waits', async () => {
      fixture = await startServer({ watermarks, stallAfter: 60_000 })
      const client = await fixture.raw()
      await choke(fixture, client)
      const iterate = Lane.prototype[Symbol.iterator]
      let looked = 0
      Lane.prototype[Symbol.iterator] = function* () {
        for (const envelope of iterate.call(this)) {
          looked++
          yield envelope
        }
      }
      try {
        await joinAndLeave(client, ROUNDS)
      } finally {
        Lane.prototype[Symbol.iterator] = iterate
      }
      const { lanes } = [...fixture.spillway!.clients()][0]!
      expect(lanes.critical.messages).to.be.at.least(ROUNDS)
      expect(looked).to.be.below(ROUNDS)
    })

    it('keeps no sockets that are not counted', async () => {
      fixture = await startServer({ watermarks, stallAfter: 60_000 })
      const client = await fixture.raw()
      await choke(fixture, client)
      const before = fixture.spillway!.readings.sizes.held
      await joinAndLeave(client, ROUNDS)
      const { held } = fixture.spillway!.readings.sizes
      expect(held - before).to.be.greaterThan((ROUNDS - 1) * LEFT_SOCKET)
      client.resume()
      await client.until(() => client.frames.filter(isConnect).length === ROUNDS + 1)
      await eventually(() => fixture.spillway!.readings.sizes.held === 0)
    })

    it('leaves nothing when the client is closed', async () => {
      const told: string[] = []
      fixture = await startServer({
        watermarks,
        stallAfter: 60_000,
        onClosed: ({ id }, { messages }) => told.push(`${id} ${messages}`),
      })
      const client = await fixture.raw()
      await choke(fixture, client)
      await joinAndLeave(client, 10)
      fixture.spillway!.terminate([...fixture.spillway!.clients()][0]!.id)
      await eventually(() => told.length === 11)
      // each is told of the answer to its own CONNECT, which was queued
      expect(new Set(told.slice(1).map((each) => each.split(' ')[1]))).to.deep.equal(new Set(['1']))
      expect(fixture.spillway!.readings.sizes.held).to.equal(0)
    })

    it('by a client that reads keeps one socket', async () => {
      fixture = await startServer({ watermarks })
      const client = await fixture.raw()
      await joinAndLeave(client, ROUNDS)
      await client.until(() => client.frames.filter(isConnect).length === ROUNDS + 1)
      const { sockets } = [...fixture.spillway!.clients()][0]!
      expect(sockets).to.deep.equal({ '/': [...fixture.io.sockets.sockets.keys()][0] })
      await eventually(() => fixture.spillway!.readings.sizes.held === 0)
    })
  })

  it('of CONNECT during a shutdown adds one listener, and an end of its own', async () => {
    fixture = await startServer({ shutdown: { deadline: 60_000, spread: 30_000 } })
    // the first to be told to close; the other has its turn after half of the time
    await fixture.raw()
    // its transport is open, it has joined nothing
    const client = await fixture.raw({ joins: [] })
    await client.until(() => client.frames.length === 1)
    const conn = Object.values((fixture.io.engine as unknown as Engine).clients)[1]
    const before = conn!.listenerCount('close')
    void fixture.spillway!.shutdown()
    for (let n = 0; n < ROUNDS; n++) client.send('40')
    await client.until(
      () => client.frames.filter((frame) => String(frame).startsWith('44')).length === ROUNDS - 100,
    )
    expect(conn!.listenerCount('close')).to.be.at.most(before + 1)
  })

  it('of dynamic namespaces leaves every look-up as quick, and every listing as short', async () => {
    fixture = await startServer({ watermarks })
    fixture.io.of(/^\/room-\d+$/)
    const client = await fixture.raw()
    for (let n = 0; n < ROUNDS; n++) client.send(`40/room-${n},`)
    await client.until(() => client.frames.filter(isConnect).length === ROUNDS + 1)
    const { spillway, io } = fixture
    const last = [...io.of(`/room-${ROUNDS - 1}`).sockets.keys()][0]!
    const found = spillway!.client(last)!
    expect(Object.keys(found.sockets)).to.have.length(100)
    // from now on no namespace but the one it is in is asked
    let asked = 0
    for (const namespace of io._nsps.values()) {
      const { sockets } = namespace
      const get = sockets.get.bind(sockets)
      sockets.get = (id) => {
        asked++
        return get(id)
      }
    }
    for (let n = 0; n < 100; n++) expect(spillway!.client(last)!.id).to.equal(found.id)
    expect(asked).to.be.at.most(100)
    // who comes, and who goes, is known too
    client.send('40/room-100000,')
    await client.until(() => client.frames.filter(isConnect).length === ROUNDS + 2)
    const [came] = io.of('/room-100000').sockets.keys()
    expect(spillway!.client(came!)?.id).to.equal(found.id)
    client.send('41/room-100000,')
    await eventually(() => io.of('/room-100000').sockets.size === 0)
    expect(spillway!.client(came!)).to.equal(undefined)
  })
})

interface Engine {
  readonly clients: Readonly<Record<string, { listenerCount(event: string): number }>>
}

const isConnect = (frame: string | Buffer): boolean => /^40(\/[^,]*,)?\{/.test(String(frame))
