import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import { WebSocket } from 'ws'
import { REPLACED, replace, textsOf, wayOf } from './replaced.ts'

/**
 * A process in which a method of a class is wrapped before the plugin is loaded, as by a tool that is
 * loaded first. Prints what the wrapper has seen of a client of a server with the plugin.
 *
 * @param argv the name of the method, such as `transport.send`; `emitter` for Node's own
 */

const [, , name] = process.argv
const seen: string[] = []

async function serve(attach?: (io: Server) => unknown) {
  const http = createServer()
  const io = new Server(http)
  attach?.(io)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const connected = once(io, 'connection') as Promise<[Socket]>
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`)
  client.once('open', () => client.send('40'))
  const [socket] = await connected
  return { io, client, socket }
}

const plain = await serve()
let whom: object | undefined
let choose = (_socket: Socket): unknown => undefined
if (name === 'emitter') {
  const { emit } = EventEmitter.prototype
  EventEmitter.prototype.emit = function (this: EventEmitter, event: string, ...args: unknown[]) {
    if (event === 'packetCreate') seen.push(...textsOf(args))
    return Reflect.apply(emit, this, [event, ...args])
  } as typeof emit
} else {
  const [of, method] = REPLACED.find((each) => each.join('.') === name)!
  replace(wayOf(plain.socket)[of], method, 'of its class', seen, () => whom)
  choose = (socket) => {
    whom = wayOf(socket)[of]
  }
}
const { attach } = await import('../../../lib/attach.ts')
const plugin = await serve((io) => attach(io))
choose(plugin.socket)
for (let n = 1; n < 4; n++) {
  plugin.socket.emit('event', `message-${n}`)
  await once(plugin.client, 'message')
}
console.log(JSON.stringify(seen))
for (const { client, io } of [plain, plugin]) {
  client.terminate()
  await io.close()
}
