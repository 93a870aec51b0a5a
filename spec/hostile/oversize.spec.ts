import { once } from 'node:events'
import { expect } from 'chai'
import type { ServerOptions } from 'socket.io'
import msgpack from 'socket.io-msgpack-parser'
import { WebSocket } from 'ws'
import type { SpillwayOptions } from '../../lib/spillway-options.ts'
import { messages } from '../support/messages.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const MOST = 1000

const SERVERS: Readonly<Record<string, Partial<ServerOptions>>> = {
  'the default parser': {},
  recovery: { connectionStateRecovery: {} },
  msgpack: { parser: msgpack },
}

const OPTIONS: Readonly<Record<string, SpillwayOptions>> = {
  'mode enforce': { messages },
  'mode observe': { messages, mode: 'observe' },
  admission: { messages, admission: { loopDelay: 5000 } },
}

/** What a client that sends too much sees, and what the server does. */
async function oversize(fixture: Fixture): Promise<Record<string, unknown>> {
  const { io, url } = fixture
  const reasons: string[] = []
  io.on('connection', (socket) => socket.on('disconnect', (reason) => reasons.push(reason)))
  const honest = await fixture.client()
  const address = `${url}/socket.io/?EIO=4&transport=`
  const seen: Record<string, unknown> = {}

  // at the limit nothing happens, beyond it the connection ends
  for (const bytes of [MOST, MOST + 1]) {
    const ws = new WebSocket(`${address.replace('http', 'ws')}websocket`)
    await once(ws, 'message')
    const ended = once(ws, 'close')
    // not what Engine.IO knows: ignored, whatever the parser
    ws.send(`6${'x'.repeat(bytes - 1)}`)
    if (bytes === MOST) ws.close(4000)
    seen[`WebSocket, ${bytes}`] = (await ended)[0]
  }

  for (const bytes of [MOST, MOST + 1]) {
    const { sid } = JSON.parse((await (await fetch(`${address}polling`)).text()).slice(1))
    const body = `6${'x'.repeat(bytes - 1)}`
    const { status } = await fetch(`${address}polling&sid=${sid}`, { method: 'POST', body })
    seen[`polling, ${bytes}`] = status
  }

  // one that has joined
  const joined = await fixture.client()
  joined.emit('long', 'x'.repeat(2 * MOST))
  await eventually(() => reasons.length === 1)
  await eventually(() => !joined.connected)
  io.emit('hello')
  seen['the honest client'] = honest.connected
  return { ...seen, reasons }
}

describe('A packet above maxHttpBufferSize', () => {
  for (const [name, server] of Object.entries(SERVERS)) {
    describe(`with ${name}`, () => {
      const given = { ...server, maxHttpBufferSize: MOST }

      async function seenBy(options: SpillwayOptions | 'plain') {
        const fixture = await startServer(options, given)
        // the client speaks the server's language
        const clientOptions = server.parser ? { parser: server.parser } : {}
        const { client } = fixture
        try {
          return await oversize({ ...fixture, client: () => client(clientOptions) })
        } finally {
          await fixture.close()
        }
      }

      for (const [way, options] of Object.entries(OPTIONS)) {
        it(`ends its sender alone, as without the plugin: ${way}`, async () => {
          const plain = await seenBy('plain')
          expect(plain).to.include({ 'WebSocket, 1000': 4000, 'the honest client': true })
          expect(plain['WebSocket, 1001']).to.not.equal(4000)
          expect(await seenBy(options)).to.deep.equal(plain)
        })
      }
    })
  }
})
