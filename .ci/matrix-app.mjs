// An application of somebody else that uses the package, end to end: real clients, one of which
// stops reading. It ends by itself only if `app.close()` leaves nothing open.
//
//   node matrix-app.mjs [own | fastify-socket.io]

import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { once } from 'node:events'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import Fastify from 'fastify'
import spillway, { cosmetic, critical } from 'fastify-spillway'
import { connect } from 'socket.io-client'
import { z } from 'zod'

const ROUNDS = 400
const PAD = 'x'.repeat(2048)
const [, , server = 'own'] = process.argv

const app = Fastify()
if (server === 'fastify-socket.io') {
  const { default: fastifySocketIo } = await import('fastify-socket.io')
  await app.register(fastifySocketIo.default ?? fastifySocketIo)
}
await app.register(spillway, {
  messages: {
    won: critical(z.object({ n: z.number() })),
    frame: cosmetic(z.object({ n: z.number(), pad: z.string() })),
  },
  // bytes alone count: all of it is over before the path of who stops reading could be told from a long one
  watermarks: { horizon: 0 },
  admin: { auth: false },
})
await app.listen({ port: 0, host: '127.0.0.1' })
const url = `http://127.0.0.1:${app.server.address().port}`
const io = app.getDecorator('io')

const clients = {
  websocket: await client(['websocket']),
  upgraded: await client(['polling', 'websocket']),
  stalled: await client(['websocket']),
  // fastify-socket.io sends a DISCONNECT first: Engine.IO then waits half a minute for a poll
  ...(server === 'own' ? { polling: await client(['polling']) } : {}),
}
const { stalled, ...healthy } = clients
await until(() => clients.upgraded.socket.io.engine.transport.name === 'websocket')

const wire = stalled.socket.io.engine.transport.ws
wire.pause()
for (let n = 0; n < ROUNDS; n++) {
  io.emit('frame', { n, pad: PAD })
  if (n % 20 === 0) io.emit('won', { n })
  if (n % 5 === 0) await turn()
}
io.emit('won', { n: ROUNDS })
const won = [...Array(ROUNDS / 20 + 1).keys()].map((n) => n * 20)
for (const [name, { got }] of Object.entries(healthy)) {
  await until(() => got.won.length >= won.length)
  deepStrictEqual(got.won, won, name)
  ok(got.frame.length > 0, name)
}

const totals = await get('')
strictEqual(totals.clients.connected, Object.keys(clients).length)
const { clients: page } = await get('/clients?sort=shed')
deepStrictEqual(Object.values(page[0].sockets), [stalled.socket.id])
ok(page[0].dropped.messages > 0, 'cosmetic messages are shed')
const exposition = await (await fetch(`${url}/spillway/metrics`)).text()
ok(counted(exposition, 'won', 'sent') >= won.length * Object.keys(healthy).length)
ok(counted(exposition, 'frame', 'dropped') >= page[0].dropped.messages)

wire.resume()
await until(() => stalled.got.won.length >= won.length)
deepStrictEqual(stalled.got.won, won, 'stalled')
ok(stalled.got.frame.length < ROUNDS, 'stalled')
deepStrictEqual(
  stalled.got.frame,
  stalled.got.frame.toSorted((a, b) => a - b),
)

// one that closes between two polls is kept by Engine.IO for half a minute
const conns = Object.values(io.engine.clients)
await until(() => conns.every(({ transport }) => transport.writable))
const gone = Object.values(clients).map(({ socket }) => once(socket, 'disconnect'))
await app.close()
await Promise.all(gone)
console.log('1 passed')

/** A connected client, and what it got. */
async function client(transports) {
  const socket = connect(url, { transports, forceNew: true, reconnection: false })
  const got = { won: [], frame: [] }
  for (const event of ['won', 'frame']) socket.on(event, ({ n }) => got[event].push(n))
  await Promise.race([
    once(socket, 'connect'),
    once(socket, 'connect_error').then(([error]) => Promise.reject(error)),
  ])
  return { socket, got }
}

async function get(path) {
  const response = await fetch(`${url}/spillway${path}`)
  strictEqual(response.status, 200, path)
  return response.json()
}

/** Messages of an event in all classes, in the format of Prometheus. */
function counted(exposition, event, outcome) {
  return exposition
    .split('\n')
    .filter((line) => line.startsWith('spillway_messages_total{'))
    .filter((line) => line.includes(`event="${event}"`) && line.includes(`outcome="${outcome}"`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

async function until(test) {
  for (const end = Date.now() + 10_000; !test(); await wait(5)) {
    if (Date.now() > end) throw new Error(`not within 10 s: ${test}`)
  }
}
