import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { StraySockets } from '../../lib/link/stray-sockets.ts'
import type { EngineServer } from '../../lib/socketio/engine.ts'

/** An engine that tells of upgrade requests; each has a socket of its own. */
function watched() {
  const engine = new EventEmitter() as unknown as EngineServer
  let gone = 0
  const strays = new StraySockets(() => gone++)
  strays.watch(engine)
  strays.watch(engine)
  const request = (query: object, headers: object = { upgrade: 'websocket' }) => {
    const socket = new PassThrough()
    engine.emit('headers', {}, { headers, socket, _query: query })
    return socket
  }
  return { engine, strays, request, gone: () => gone }
}

describe('StraySockets', () => {
  it('are those of upgrades, not of handshakes and polls', () => {
    const { strays, request } = watched()
    request({ transport: 'websocket' })
    request({ sid: 'a', transport: 'polling' }, {})
    expect(strays.size).to.equal(0)
    request({ sid: 'a', transport: 'websocket' })
    request({})
    expect(strays.size).to.equal(2)
  })

  it('are left to the client that has upgraded, which may be tried by others for it', () => {
    const { strays, request } = watched()
    const own = request({ sid: 'a' })
    request({ sid: 'a' })
    strays.claim('b', own)
    expect(strays.size).to.equal(2)
    strays.claim('a', own)
    expect(strays.size).to.equal(1)
    strays.endOf('a')
    expect(own.destroyed, 'its own').to.equal(false)
  })

  it('end with their session, those of others stay', async () => {
    const { strays, request, gone } = watched()
    const [first, other] = [request({ sid: 'a' }), request({ sid: 'b' })]
    strays.endOf('a')
    expect([first.destroyed, other.destroyed]).to.deep.equal([true, false])
    await new Promise((resolve) => first.once('close', resolve))
    expect([strays.size, gone()]).to.deep.equal([1, 1])
    strays.endAll()
    expect(other.destroyed).to.equal(true)
  })

  it('are not those of a socket that is destroyed already, nor twice one', () => {
    const { engine, strays } = watched()
    const socket = new PassThrough()
    const request = { headers: { upgrade: 'websocket' }, socket, _query: { sid: 'a' } }
    engine.emit('headers', {}, request)
    engine.emit('headers', {}, request)
    expect(strays.size).to.equal(1)
    const destroyed = new PassThrough().destroy()
    engine.emit('headers', {}, { ...request, socket: destroyed })
    expect(strays.size).to.equal(1)
  })

  it('are not looked for in an event of another form, which others may emit', () => {
    const { engine, strays } = watched()
    for (const request of [undefined, {}, { headers: {} }, { socket: new PassThrough() }]) {
      engine.emit('headers', {}, request)
    }
    expect(strays.size).to.equal(0)
  })

  it('are left to themselves after close, with no listener on them or on the engine', () => {
    const { engine, strays, request } = watched()
    const socket = request({ sid: 'a' })
    const before = socket.listenerCount('close')
    strays.close()
    expect(strays.size).to.equal(0)
    expect(socket.destroyed).to.equal(false)
    expect(socket.listenerCount('close')).to.equal(before - 1)
    expect(engine.listenerCount('headers')).to.equal(0)
  })
})
