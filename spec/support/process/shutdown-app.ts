import Fastify from 'fastify'
import fastifySocketIo from 'fastify-socket.io'
import { Server } from 'socket.io'
import spillway from '../../../lib/plugin.ts'
import { messages } from '../messages.ts'
import { listen } from '../servers/app.ts'
import { eventually } from '../servers/server.ts'

// A process of its own: what `app.close()` leaves open is told, and it has to end by itself.

const [, , server] = process.argv
const before = process.getActiveResourcesInfo()
const app = Fastify()
const io = server === 'given' ? new Server(app.server) : undefined
if (server === 'fastify-socket.io') await app.register(fastifySocketIo.default)
await app.register(spillway, {
  messages,
  admission: { loopDelay: 1000 },
  shutdown: { deadline: 500, spread: 100 },
  ...(io ? { io } : {}),
})
if (io) app.addHook('onClose', () => io.close())
const fixture = await listen(app, io)
const client = await fixture.client()
const stalled = await fixture.raw()
await fetch(`${fixture.url}/socket.io/?EIO=4&transport=polling`).then((response) => response.text())
await eventually(() => fixture.spillway?.stats().buffered === 0)
stalled.stall()
fixture.io.emit('jackpot:won', { n: 1 })
const gone = new Promise((resolve) => client.once('disconnect', resolve))
await app.close()
await gone
stalled.close()
await new Promise((resolve) => setTimeout(resolve, 50))
console.log(JSON.stringify({ before, after: process.getActiveResourcesInfo() }))
