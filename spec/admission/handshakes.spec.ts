import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import type { Server } from 'socket.io'
import { connect, type Socket } from 'socket.io-client'
import { WebSocket } from 'ws'
import { Admission } from '../../lib/admission/admission.ts'
import { Handshakes } from '../../lib/admission/handshakes.ts'
import { systemClock } from '../../lib/base/clock.ts'
import type { RefusedClient } from '../../lib/telemetry/client-identity.ts'
import {
  block,
  HANDSHAKE,
  UPGRADE,
  upgrade,
  upgradeRequest,
} from '../support/clients/handshakes.ts'
import '../support/rejections.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

/** One that tries again by itself, until it is let in. */
function persistent(url: string, transports: string[]): Socket {
  return connect(url, {
    transports,
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 50,
  })
}

describe('Handshakes', () => {
  let fixture: Fixture
  let gate: Handshakes
  let over = false
  const refused: RefusedClient[] = []
  const open: Array<{ close(): unknown }> = []

  beforeEach(async () => {
    over = false
    refused.length = 0
    fixture = await startServer('plain', { cors: { origin: 'https://casino.example' } })
    fixture.io.of('/early')
    gate = guard(fixture.io)
  })

  afterEach(async () => {
    for (const each of open.splice(0)) each.close()
    gate.close()
    await fixture.close()
  })

  /** Lets nobody in while `over`. */
  function guard(io: Server): Handshakes {
    const host = {
      overBudget: () => over,
      refused: (client: RefusedClient) => refused.push(client),
    }
    const admission = new Admission({ retryAfter: 4000 }, true, systemClock, host)
    const isConnected = (conn: object) =>
      [...io._nsps.values()].some(({ sockets }) =>
        [...sockets.values()].some((socket) => socket.conn === conn),
      )
    const guarding = new Handshakes(io as never, admission, isConnected, systemClock)
    guarding.guard([io.engine])
    return guarding
  }

  it('answers a handshake by polling with 503 and Retry-After', async () => {
    over = true
    const response = await fetch(fixture.url + HANDSHAKE)
    expect(response.status).to.equal(503)
    expect(Number(response.headers.get('retry-after'))).to.be.within(4, 8)
    expect(await response.json()).to.deep.equal({ message: 'Service Unavailable' })
    expect(fixture.io.engine.clientsCount).to.equal(0)
  })

  it('lets a page of another origin read it, where Engine.IO would', async () => {
    over = true
    const origin = 'https://casino.example'
    const { headers } = await fetch(fixture.url + HANDSHAKE, { headers: { origin } })
    expect(headers.get('access-control-allow-origin')).to.equal(origin)
    expect(headers.get('access-control-expose-headers')).to.equal('Retry-After')
    const plain = await startServer('plain')
    const other = guard(plain.io)
    const told = await fetch(plain.url + HANDSHAKE, { headers: { origin } })
    expect(told.status).to.equal(503)
    expect(told.headers.get('access-control-allow-origin')).to.equal(null)
    other.close()
    await plain.close()
  })

  it('answers an upgrade with 503 and Retry-After, and closes it', async () => {
    over = true
    const answer = await upgrade(fixture, UPGRADE)
    expect(answer).to.match(/^HTTP\/1\.1 503 Service Unavailable\r\n/)
    expect(Number(/^Retry-After: (\d+)\r$/m.exec(answer)?.[1])).to.be.within(4, 8)
    expect(answer.endsWith('{"message":"Service Unavailable"}')).to.equal(true)
    expect(fixture.io.engine.clientsCount).to.equal(0)
    await eventually(() => connectionsOf(fixture) === 0)
  })

  it('comes before middlewares of the application', async () => {
    let asked = 0
    fixture.io.engine.use((_request: unknown, _response: unknown, next: () => void) => {
      asked++
      next()
    })
    over = true
    await fetch(fixture.url + HANDSHAKE)
    await upgrade(fixture, UPGRADE)
    expect(asked).to.equal(0)
    over = false
    expect((await fetch(fixture.url + HANDSHAKE)).status).to.equal(200)
    expect(asked).to.equal(1)
  })

  for (const query of ['&sid=', '&sid=x&sid=', '#&sid=x']) {
    it(`takes ${query} for no session`, async () => {
      over = true
      expect(await upgrade(fixture, UPGRADE + query)).to.match(/^HTTP\/1\.1 503 /)
    })
  }

  it('leaves what is no handshake to Engine.IO', async () => {
    over = true
    const statusOf = async (query: string, method = 'GET') =>
      (await fetch(fixture.url + HANDSHAKE + query, { method })).status
    expect(await statusOf('&sid=unknown')).to.equal(400)
    expect(await statusOf('', 'POST')).to.equal(400)
    expect(await statusOf('', 'OPTIONS')).to.equal(204)
    expect(refused).to.deep.equal([])
  })

  it('does not touch a client that is connected, by polling or when it upgrades', async () => {
    const client = await fixture.client({ transports: ['polling', 'websocket'], upgrade: false })
    const handshake = await (await fetch(fixture.url + HANDSHAKE)).text()
    const { sid } = JSON.parse(handshake.slice(1)) as { sid: string }
    over = true
    const upgrading = new WebSocket(`ws://127.0.0.1:${fixture.port}${UPGRADE}&sid=${sid}`)
    open.push(upgrading)
    await once(upgrading, 'open')
    for (const [index, event] of ['a', 'b', 'c'].entries()) {
      const got = new Promise((resolve) => client.once(event, resolve))
      fixture.io.emit(event, index)
      expect(await got).to.equal(index)
    }
    expect(client.io.engine.transport.name).to.equal('polling')
  })

  for (const [transport, message] of [
    ['websocket', 'websocket error'],
    ['polling', 'xhr poll error'],
  ] as const) {
    it(`is seen as "${message}" by a client, which is let in later by itself`, async () => {
      over = true
      const client = persistent(fixture.url, [transport])
      open.push(client)
      const error = await new Promise<Error>((resolve) => client.once('connect_error', resolve))
      expect(error.message).to.equal(message)
      await eventually(() => refused.length >= 3)
      over = false
      await eventually(() => client.connected)
    })
  }

  it('lets a client of polling read the status', async () => {
    over = true
    const client = persistent(fixture.url, ['polling'])
    open.push(client)
    const error = await new Promise<Error>((resolve) => client.once('connect_error', resolve))
    expect(error).to.have.property('description', 503)
  })

  describe('at the first CONNECT of an open connection', () => {
    /** A WebSocket that was let in, and has not joined anything. */
    async function letIn(): Promise<WebSocket> {
      const socket = new WebSocket(fixture.url.replace('http', 'ws') + UPGRADE)
      open.push({ close: () => socket.terminate() })
      await once(socket, 'message')
      return socket
    }

    async function ask(socket: WebSocket, packet: string): Promise<string> {
      socket.send(packet)
      const [answer] = await once(socket, 'message')
      return String(answer)
    }

    for (const name of ['/', '/early', '/late', '/dynamic-7']) {
      it(`refuses a client in ${name} with an error that has retryAfter`, async () => {
        fixture.io.of(/^\/dynamic-\d+$/)
        fixture.io.of('/late')
        const socket = await letIn()
        over = true
        const answer = await ask(socket, name === '/' ? '40' : `40${name},`)
        const [, type, json] = /^(\d+)(?:\/[^,]*,)?(.*)$/.exec(answer)!
        expect(type).to.equal('44')
        const { message, data } = JSON.parse(json!)
        expect(message).to.equal('server overloaded')
        expect(data.retryAfter).to.be.within(4000, 8000)
        over = false
        expect(await ask(socket, name === '/' ? '40' : `40${name},`)).to.match(/^40/)
      })
    }

    it('lets a client that is connected join another namespace', async () => {
      fixture.io.of('/other')
      const socket = await letIn()
      expect(await ask(socket, '40')).to.match(/^40\{/)
      over = true
      expect(await ask(socket, '40/other,')).to.match(/^40\/other,\{/)
    })

    it('refuses one that has left all namespaces', async () => {
      const socket = await letIn()
      await ask(socket, '40')
      socket.send('41')
      await eventually(() => fixture.io.sockets.sockets.size === 0)
      over = true
      expect(await ask(socket, '40')).to.match(/^44/)
    })

    it('is an error with data in a client', async () => {
      const client = await new Promise<Socket>((resolve) => {
        const made = connect(fixture.url, { transports: ['websocket'], forceNew: true })
        open.push(made)
        fixture.io.engine.once('connection', () => {
          over = true
          resolve(made)
        })
      })
      const error = await new Promise<Error & { data?: unknown }>((resolve) =>
        client.once('connect_error', resolve),
      )
      expect(error.message).to.equal('server overloaded')
      expect(error.data).to.have.property('retryAfter').that.is.within(4000, 8000)
      expect(client.active).to.equal(false)
      over = false
      client.connect()
      await eventually(() => client.connected)
    })
  })

  it('tells each client another time', async () => {
    over = true
    for (let n = 0; n < 20; n++) await fetch(fixture.url + HANDSHAKE)
    const times = refused.map(({ retryAfter }) => retryAfter)
    expect(new Set(times).size).to.be.greaterThan(10)
    expect(Math.min(...times)).to.be.at.least(4000)
    expect(Math.max(...times)).to.be.at.most(8000)
    expect(refused[0]).to.include({ reason: 'budget', address: '127.0.0.1' })
  })

  it('refuses those who come in one turn in several, so that others have theirs', async () => {
    const sockets = Array.from({ length: 20 }, () => connectTcp(fixture.port, '127.0.0.1'))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    await eventually(() => connectionsOf(fixture) === sockets.length)
    over = true
    let turn = 0
    let counting = setImmediate(function count() {
      turn++
      counting = setImmediate(count)
    })
    const turns: number[] = []
    refused.push = () => {
      block(5)
      return turns.push(turn)
    }
    for (const socket of sockets) socket.write(upgradeRequest(UPGRADE))
    // until then all of them have arrived
    block(100)
    await Promise.all(sockets.map((socket) => text(socket)))
    clearImmediate(counting)
    Reflect.deleteProperty(refused, 'push')
    expect(turns).to.have.length(20)
    expect(new Set(turns).size).to.equal(20)
  })

  it('takes no notice of one that has gone before its turn', async () => {
    over = true
    let gone = false
    fixture.http.prependListener('upgrade', (_request, socket) => {
      socket.once('close', () => {
        gone = true
      })
      socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
    })
    connectTcp(fixture.port, '127.0.0.1')
      .on('error', () => {})
      .write(upgradeRequest(UPGRADE))
    await eventually(() => gone)
    await fetch(fixture.url + HANDSHAKE)
    expect(refused).to.have.length(1)
  })

  it('lets in who waits when it closes', async () => {
    over = true
    fixture.http.once('upgrade', () => gate.close())
    const socket = new WebSocket(fixture.url.replace('http', 'ws') + UPGRADE)
    open.push(socket)
    await once(socket, 'open')
    expect(refused).to.deep.equal([])
  })

  it('gives the server its own methods back', async () => {
    over = true
    gate.close()
    expect((await fetch(fixture.url + HANDSHAKE)).status).to.equal(200)
    const { engine, _nsps } = fixture.io
    expect(Object.keys(engine)).to.not.include.members(['handleRequest'])
    expect(Object.keys(engine)).to.not.include.members(['handleUpgrade'])
    for (const namespace of _nsps.values()) {
      expect(Reflect.get(namespace, '_fns')).to.deep.equal([])
    }
    expect(fixture.io.listenerCount('new_namespace')).to.equal(0)
  })
})

function connectionsOf({ http }: Fixture): number {
  return Number(Reflect.get(http, '_connections'))
}
