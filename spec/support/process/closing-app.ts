import Fastify from 'fastify'
import fastifySocketIo from 'fastify-socket.io'
import { Server } from 'socket.io'
import type { Socket } from 'socket.io-client'
import { z } from 'zod'
import { cosmetic, critical } from '../../../lib/index.ts'
import spillway from '../../../lib/plugin.ts'
import { listen } from '../servers/app.ts'
import { eventually } from '../servers/server.ts'

// A process of its own: it ends by itself only if `app.close()` leaves nothing open.

const [, , server] = process.argv
const app = Fastify()
const io = server === 'given' ? new Server(app.server) : undefined
if (server === 'fastify-socket.io') await app.register(fastifySocketIo.default)
await app.register(spillway, {
  messages: { won: critical(z.any()), frame: cosmetic(z.any()) },
  admin: { auth: false },
  ...(io ? { io } : {}),
})
if (io) {
  app.addHook('onClose', () => io.close())
}
const fixture = await listen(app, io)
fixture.io.of('/lobby')
const clients = [
  await fixture.client(),
  await fixture.client({ transports: ['polling', 'websocket'] }),
]
clients.push(await fixture.client({ transports: ['polling'] }))
clients.push(await fixture.client({}, '/lobby'))
clients.push(await fixture.client({ transports: ['polling'] }, '/lobby'))
const told = (client: Socket, event: string) =>
  new Promise<void>((resolve) => client.once(event, () => resolve()))
const got = Promise.all(clients.slice(0, 2).map((client) => told(client, 'won')))
fixture.io.emit('frame', 1)
fixture.io.emit('won', 1)
await got
await fetch(`${fixture.url}/spillway/clients`).then((response) => response.json())
// one that closes between two polls is kept by Engine.IO for half a minute
const conns: Array<{ transport: { writable: boolean } }> = Object.values(
  Reflect.get(fixture.io.engine, 'clients'),
)
await eventually(() => conns.every(({ transport }) => transport.writable))
const gone = Promise.all(clients.map((client) => told(client, 'disconnect')))
await app.close()
await gone
console.log('closed')
