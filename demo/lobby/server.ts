import type { AddressInfo, Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import fastifySocketIO from 'fastify-socket.io'
import type { ServerOptions } from 'socket.io'
import spillway, { type ServerOf, type SpillwayPluginOptions } from '../../lib/index.ts'
import { type Load, type LoadOptions, startLoad } from './lobby.ts'
import { type LobbyMessages, messages } from './messages.ts'

export interface LobbyOptions {
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Leaves the plugin out, to compare. */
  readonly plain?: boolean
  /** Beside the messages and open admin routes, which are given. */
  readonly spillway?: Omit<SpillwayPluginOptions<LobbyMessages>, 'io' | 'server'>
  readonly socketIO?: Partial<ServerOptions>
  /** Starts the load with the server; without it only what the caller emits is sent. */
  readonly load?: LoadOptions
  /** Adds routes before the server listens. */
  readonly setup?: (app: FastifyInstance) => void | Promise<void>
}

export interface Lobby {
  readonly app: FastifyInstance
  readonly io: ServerOf<LobbyMessages>
  readonly host: string
  readonly port: number
  readonly url: string
  /** The latest load, if there was one. */
  readonly load: Load | undefined
  /** Starts a load; one that runs is ended first. */
  startLoad(options: LoadOptions): Load
  /** Ends the load, disconnects all clients, and leaves no handle open. */
  close(): Promise<void>
}

/** A page of this machine may connect to a port that it was not loaded from. */
const LOCAL_PAGES = /^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?$/

/** A slow client would be waited for until it has read its backlog. */
const CUT_AFTER_MS = 250

export async function startLobby(options: LobbyOptions = {}): Promise<Lobby> {
  const { host = '127.0.0.1' } = options
  const app = Fastify({ forceCloseConnections: true })
  // a CommonJS package: its default export is a property of the module
  await app.register(fastifySocketIO.default, {
    cors: { origin: LOCAL_PAGES },
    ...options.socketIO,
  })
  if (!options.plain) {
    await app.register(spillway, { messages, admin: { auth: false }, ...options.spillway })
  }
  await options.setup?.(app)
  try {
    await app.listen({ host, port: options.port ?? 0 })
  } catch (error) {
    await app.close()
    throw error
  }
  const io = app.getDecorator<ServerOf<LobbyMessages>>('io')
  const connections = connectionsOf(app)
  const { port } = app.server.address() as AddressInfo
  let load: Load | undefined

  function begin(loadOptions: LoadOptions): Load {
    load?.stop()
    load = startLoad(io, loadOptions)
    return load
  }

  if (options.load) begin(options.load)
  return {
    app,
    io,
    host,
    port,
    url: `http://${host}:${port}`,
    get load() {
      return load
    },
    startLoad: begin,
    async close() {
      load?.stop()
      const cut = setTimeout(
        () => connections.forEach((socket) => void socket.destroy()),
        CUT_AFTER_MS,
      )
      await app.close()
      clearTimeout(cut)
    },
  }
}

/** The open connections, also those that are WebSockets by now. */
function connectionsOf(app: FastifyInstance): Set<Socket> {
  const open = new Set<Socket>()
  app.server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return open
}
