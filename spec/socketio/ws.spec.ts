import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import type { EngineSocket, EngineTransport } from '../../lib/socketio/engine.ts'
import { isBare, isWebSocket } from '../../lib/socketio/ws.ts'

/** As Engine.IO and `ws` make them without compression and TLS. */
function made() {
  const socket = { write() {}, cork() {}, encrypted: false as boolean | undefined }
  const ws = {
    bufferedAmount: 0,
    readyState: 1,
    extensions: '',
    terminate() {},
    _sender: { sendFrame() {} },
    _socket: socket as typeof socket | null,
  }
  const transport = { writable: true, supportsBinary: true as boolean | undefined, socket: ws }
  const conn = Object.assign(new EventEmitter(), {
    protocol: 4,
    writeBuffer: [],
    flush() {},
    server: new EventEmitter(),
  })
  return { conn, transport, ws, socket }
}

type Made = ReturnType<typeof made>

const bare = ({ conn, transport }: Made) =>
  isBare(conn as unknown as EngineSocket, transport as unknown as EngineTransport)

describe('isBare', () => {
  it('is for a WebSocket whose frames reach its kernel socket unchanged', () => {
    expect(bare(made())).to.equal(true)
  })

  const OTHERS: Record<string, (of: Made) => unknown> = {
    'protocol 3': ({ conn }) => Object.assign(conn, { protocol: 3 }),
    'no write buffer': ({ conn }) => Reflect.deleteProperty(conn, 'writeBuffer'),
    'no flush': ({ conn }) => Object.assign(conn, { flush: undefined }),
    'a server that emits nothing': ({ conn }) => Object.assign(conn, { server: {} }),
    'no writable': ({ transport }) => Reflect.deleteProperty(transport, 'writable'),
    'a client that wants base64': ({ transport }) =>
      Object.assign(transport, { supportsBinary: false }),
    'no WebSocket': ({ transport }) => Reflect.deleteProperty(transport, 'socket'),
    'no readyState': ({ ws }) => Reflect.deleteProperty(ws, 'readyState'),
    'no sender': ({ ws }) => Reflect.deleteProperty(ws, '_sender'),
    'another sender': ({ ws }) => Object.assign(ws, { _sender: {} }),
    compression: ({ ws }) => Object.assign(ws, { extensions: 'permessage-deflate' }),
    'unknown extensions': ({ ws }) => Reflect.deleteProperty(ws, 'extensions'),
    'no kernel socket': ({ ws }) => Object.assign(ws, { _socket: null }),
    'a socket that is not written to': ({ socket }) => Object.assign(socket, { write: 0 }),
    'a socket that is not corked': ({ socket }) => Reflect.deleteProperty(socket, 'cork'),
    TLS: ({ socket }) => Object.assign(socket, { encrypted: true }),
  }
  for (const [what, change] of Object.entries(OTHERS)) {
    it(`is not for ${what}`, () => {
      const given = made()
      change(given)
      expect(bare(given)).to.equal(false)
    })
  }

  it('is for what does not say that it can or can not take binary frames, as before Engine.IO 6', () => {
    const given = made()
    Reflect.deleteProperty(given.transport, 'supportsBinary')
    Reflect.deleteProperty(given.socket, 'encrypted')
    expect(bare(given)).to.equal(true)
  })
})

describe('isWebSocket', () => {
  it('is for what tells its bytes and can be ended', () => {
    const { transport, ws } = made()
    const given = transport as unknown as EngineTransport
    expect(isWebSocket(given)).to.equal(true)
    Object.assign(ws, { bufferedAmount: undefined })
    expect(isWebSocket(given)).to.equal(false)
    Object.assign(ws, { bufferedAmount: 0, terminate: undefined })
    expect(isWebSocket(given)).to.equal(false)
    Reflect.deleteProperty(transport, 'socket')
    expect(isWebSocket(given)).to.equal(false)
  })
})
