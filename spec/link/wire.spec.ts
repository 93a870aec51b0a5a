import { once } from 'node:events'
import { connect, type Socket as TcpSocket } from 'node:net'
import { expect } from 'chai'
import type { Server, Socket } from 'socket.io'
import { type Fixture, startServer } from '../support/servers/server.ts'

/** A client of bare TCP: what it holds is what was on the wire. */
async function capture({ port }: Fixture): Promise<{ tcp: TcpSocket; bytes: () => Buffer }> {
  const tcp = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  tcp.on('data', (chunk) => chunks.push(chunk))
  await once(tcp, 'connect')
  tcp.write(
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n' +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  // Engine.IO hears nothing before its open packet is out
  while (!Buffer.concat(chunks).includes('"sid"')) await once(tcp, 'data')
  // the text frame "40", masked with zeros
  tcp.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]))
  return { tcp, bytes: () => Buffer.concat(chunks) }
}

/** The shapes of emit that Socket.IO has. */
function emitAll(io: Server, socket: Socket): void {
  socket.join('room')
  for (let round = 0; round < 3; round++) {
    socket.emit('text', round, { nested: ['é', null, undefined] })
    socket.emit('no arguments')
    io.emit('broadcast', { round })
    io.to('room').emit('room', 'x'.repeat(200))
    io.to('nobody').emit('room', 'unseen')
    io.volatile.emit('volatile', round)
    socket.volatile.emit('volatile', round)
    socket.compress(false).emit('uncompressed', round)
    io.compress(true).emit('compressed', round)
    socket.emit('binary', Buffer.from([1, 2, 3]), { inner: Buffer.alloc(70_000, round) })
    io.emit('binary', Buffer.from([round]))
    socket.emit('with ack', () => {})
    io.timeout(1000).emit('broadcast with ack', round, () => {})
    io.local.emit('local', round)
    io.send('message')
  }
}

async function record(options: Parameters<typeof startServer>[0]): Promise<string> {
  const fixture = await startServer(options)
  try {
    const connected = once(fixture.io, 'connection') as Promise<[Socket]>
    const { tcp, bytes } = await capture(fixture)
    const [socket] = await connected
    // a sync burst, then the same with the transport idle before each emit
    emitAll(fixture.io, socket)
    await new Promise((resolve) => setTimeout(resolve, 50))
    emitAll(fixture.io, socket)
    await new Promise((resolve) => setTimeout(resolve, 20))
    fixture.io.emit('last')
    const end = Buffer.from('42["last"]')
    while (!bytes().includes(end)) await once(tcp, 'data')
    tcp.destroy()
    return withoutPings(bytes())
      .toString('latin1')
      .replaceAll(/"sid":"[^"]{20}"/g, '"sid":"(an id of 20)"')
  } finally {
    await fixture.close()
  }
}

/** The frames without the delivery markers between them. */
function withoutPings(stream: Buffer): Buffer {
  const start = stream.indexOf('\r\n\r\n') + 4
  const kept = [stream.subarray(0, start)]
  for (let at = start; at < stream.length; ) {
    const short = stream[at + 1]! & 0x7f
    const header = short === 127 ? 10 : short === 126 ? 4 : 2
    const length =
      short === 127
        ? Number(stream.readBigUInt64BE(at + 2))
        : short === 126
          ? stream.readUInt16BE(at + 2)
          : short
    const end = at + header + length
    if ((stream[at]! & 0x0f) !== 9) kept.push(stream.subarray(at, end))
    at = end
  }
  return Buffer.concat(kept)
}

describe('On the wire', () => {
  it('is byte for byte what Socket.IO sends, if nothing is annotated', async () => {
    const [plain, tapped] = [await record('plain'), await record({})]
    expect(tapped.length).to.equal(plain.length).and.to.be.greaterThan(400_000)
    expect(tapped === plain, 'same bytes').to.equal(true)
  })
})
