import { createServer } from 'node:http'
import { expect } from 'chai'
import { Server } from 'socket.io'
import type { EngineServer, EngineSocket } from '../../lib/socketio/engine.ts'
import {
  checkSocketIo,
  isForeign,
  legacyId,
  socketsByConn,
  type TappedServer,
} from '../../lib/socketio/server.ts'
import { refusalOf } from '../support/refusals.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'

describe('checkSocketIo', () => {
  it('takes a Server, attached or not yet', () => {
    for (const io of [new Server(), new Server(createServer())]) {
      expect(checkSocketIo(io)).to.equal(io)
    }
  })

  it('refuses what is none, and says what was given', () => {
    const { of, on, off, bind } = new Server()
    const encoder = { encode() {} }
    for (const io of [
      undefined,
      null,
      'io',
      () => {},
      {},
      { on, off, bind, encoder },
      { of, on, off, bind },
      { of, on, off, bind, encoder: {} },
    ]) {
      const { code, message } = refusalOf(() => checkSocketIo(io))
      expect(code).to.equal('SPILLWAY_NOT_SOCKET_IO')
      expect(message).to.match(/^io: was given /)
    }
  })

  it('refuses a Server on uWebSockets.js', () => {
    const { of, on, off, bind } = new Server()
    const io = { of, on, off, bind, encoder: { encode() {} }, engine: { abortRequest() {} } }
    expect(refusalOf(() => checkSocketIo(io)).code).to.equal('SPILLWAY_UNSUPPORTED_ENGINE')
    expect(isForeign(undefined)).to.equal(false)
    expect(isForeign(new Server(createServer()).engine as unknown as EngineServer)).to.equal(false)
  })
})

describe('socketsByConn', () => {
  let fixture: Fixture
  beforeEach(async () => {
    fixture = await startServer('plain')
    fixture.io.of('/tables')
  })
  afterEach(() => fixture.close())

  it('has the sockets of each connection, of all namespaces', async () => {
    const io = fixture.io as unknown as TappedServer
    expect(socketsByConn(io).size).to.equal(0)
    const client = await fixture.raw()
    await client.join('/tables')
    await fixture.raw()
    const found = [...socketsByConn(io)]
    const names = found.map(([, sockets]) => sockets.map(({ nsp }) => nsp.name).sort())
    expect(names).to.have.deep.members([['/', '/tables'], ['/']])
    for (const [conn, sockets] of found)
      for (const each of sockets) expect(each.conn).to.equal(conn)
  })
})

describe('legacyId', () => {
  it('is what Socket.IO makes of the id of the connection', () => {
    const conn = { id: 'abc' } as EngineSocket
    expect(legacyId(conn, '/')).to.equal('abc')
    expect(legacyId(conn, '/tables')).to.equal('/tables#abc')
  })
})
