import { expect } from 'chai'
import {
  frameOf,
  HostileSocket,
  requestOf,
  text,
  UPGRADE,
} from '../support/clients/hostile-socket.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const KiB = 1024

/** Answers that the server gives by itself, to a client that reads none of them. */
describe('Unread answers', () => {
  let fixture: Fixture
  let tcp: HostileSocket

  afterEach(async () => {
    tcp.close()
    await fixture.close()
  })

  async function open(protocol: 3 | 4, options?: Parameters<typeof startServer>[0]) {
    fixture = await startServer(options, { allowEIO3: true, pingTimeout: 60_000 })
    tcp = await HostileSocket.open(fixture.port)
    tcp.send(requestOf({ query: `EIO=${protocol}&transport=websocket`, headers: UPGRADE }))
    await tcp.until(() => tcp.packets.length > 0)
    if (protocol === 4) tcp.send(text('40'))
    await eventually(() => fixture.io.sockets.sockets.size === 1)
    const [socket] = fixture.io.sockets.sockets.values()
    return socket!
  }

  interface Ws {
    readonly bufferedAmount: number
    readonly _autoPong?: boolean
  }

  const pings = (count: number) =>
    Buffer.concat(
      Array.from({ length: count }, (_, n) => frameOf({ opcode: 9, payload: payload(n) })),
    )
  const payload = (n: number) => Buffer.from(String(n).padStart(100, '0'))

  it('to pings take some kilobytes, and the latest is answered when the client reads', async () => {
    const socket = await open(4)
    const { socket: ws } = socket.conn.transport as unknown as { socket: Ws }
    tcp.pause()
    let sent = 0
    let most = 0
    // the kernel takes some megabytes before anything waits
    await eventually(() => {
      tcp.send(pings(1000))
      sent += 1000
      most = Math.max(most, ws.bufferedAmount)
      return most > 0 && sent > 100_000
    }, 15_000)
    await tcp.drained()
    expect(most).to.be.below(8 * KiB)
    expect(ws._autoPong).to.equal(false)
    tcp.resume()
    const last = payload(999).toString()
    await eventually(() => tcp.pongs.at(-1)?.toString() === last && ws._autoPong === true)
    tcp.send(frameOf({ opcode: 9, payload: Buffer.from('again') }))
    await eventually(() => tcp.pongs.at(-1)?.toString() === 'again')
  })

  for (const options of ['plain', { mode: 'observe' }] as const) {
    const name = options === 'plain' ? 'without the plugin' : 'in mode observe'
    it(`to pings are all written, and all there when the client reads, ${name}`, async () => {
      const socket = await open(4, options)
      const { socket: ws } = socket.conn.transport as unknown as { socket: Ws }
      tcp.pause()
      let sent = 0
      await eventually(() => {
        tcp.send(pings(1000))
        sent += 1000
        return ws.bufferedAmount > 100 * KiB
      }, 15_000)
      expect(ws._autoPong).to.equal(true)
      tcp.resume()
      await eventually(() => tcp.pongs.length === sent, 15_000)
    })
  }

  it('to pings are those of the mode that is in force', async () => {
    const socket = await open(4)
    const { socket: ws } = socket.conn.transport as unknown as { socket: Ws }
    const waits = async (least: number) => {
      await eventually(() => {
        tcp.send(pings(1000))
        return ws.bufferedAmount > least || (least === 0 && ws._autoPong === false)
      }, 15_000)
    }
    tcp.pause()
    await waits(0)
    expect(ws._autoPong).to.equal(false)
    fixture.spillway!.setMode('observe')
    // what is held back is answered before what follows
    await waits(ws.bufferedAmount + 100 * KiB)
    expect(ws._autoPong).to.equal(true)
    fixture.spillway!.setMode('enforce')
    tcp.send(pings(1))
    await eventually(() => ws._autoPong === false)
    tcp.resume()
    await eventually(() => ws._autoPong === true)
    tcp.pongs.length = 0
    tcp.send(pings(1000))
    await eventually(() => tcp.pongs.length >= 1000)
  })

  it('to pings are all given to a client that reads', async () => {
    await open(4)
    for (let n = 0; n < 10; n++) tcp.send(pings(100))
    await eventually(() => tcp.pongs.length === 1000)
  })

  /** Sends heartbeats of protocol 3 and reads no answer, until the test holds. */
  async function beat(socket: Awaited<ReturnType<typeof open>>, until: () => boolean) {
    tcp.pause()
    // more than the kernel takes
    socket.emit('filler', 'x'.repeat(16 * KiB * KiB))
    const beats = Buffer.concat(Array.from({ length: 1000 }, () => text('2')))
    await eventually(() => {
      tcp.send(beats)
      return until()
    }, 18_000)
  }

  it('to heartbeats of protocol 3 end the connection', async () => {
    await beat(await open(3), () => fixture.spillway!.readings.closings['over-limit'] === 1)
  })

  it('to heartbeats of protocol 3 end nothing in mode observe, as without the plugin', async () => {
    const socket = await open(3, { mode: 'observe' })
    const { conn } = socket as unknown as { conn: { writeBuffer: readonly unknown[] } }
    await beat(socket, () => conn.writeBuffer.length > 3000 || !socket.connected)
    expect(socket.connected).to.equal(true)
    expect(fixture.spillway!.readings.closings['over-limit']).to.equal(0)
  })
})
