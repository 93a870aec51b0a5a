import type { Clock } from '../base/clock.ts'
import { toError } from '../base/errors.ts'
import type { Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import type { Classifier } from '../classify/classifier.ts'
import type { KnownClient } from '../clients/client.ts'
import { Broadcasts } from '../loop/broadcasts.ts'
import type { TurnScheduler } from '../loop/turn-scheduler.ts'
import { Envelope } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import type { EngineServer, EngineSocket } from '../socketio/engine.ts'
import { note } from '../socketio/override.ts'
import type { Packet } from '../socketio/packet.ts'
import {
  type ConnectedSocket,
  isForeign,
  legacyId,
  socketsByConn,
  type TappedServer,
  unsupportedEngine,
} from '../socketio/server.ts'
import { BroadcastTap, LookUp } from './broadcast-tap.ts'
import {
  type ConnectionTap,
  checkConnection,
  connectionOverrides,
  kTapped,
  type Offer,
  type Tapped,
  type TappedSocket,
} from './connection-overrides.ts'
import { Encoding, Encodings } from './encodings.ts'
import { foreignEnvelope } from './foreign-write.ts'
import { PacketFields } from './packet-fields.ts'
import { overrideServer, type ServerTap } from './server-overrides.ts'
import { SocketIndex } from './socket-index.ts'

/** Makes the channel of a connection, before the tap overrides the connection's methods. */
export type OpenChannel = (conn: EngineSocket, known?: KnownClient) => Channel

/** What a tap shares with others. */
export interface TapHost {
  readonly scheduler: TurnScheduler
  readonly heldBytes: HeldBytes
  /** Whether everything is sent as without a tap. */
  observes(): boolean
}

/**
 * Intercepts what a Socket.IO server sends. A packet is classified where it is encoded, and recognised
 * by the array of its encoded parts where it is written to a connection. Broadcasts of any adapter,
 * recovered sockets and dynamic namespaces all come this way.
 */
export class Tap implements ConnectionTap, ServerTap {
  readonly broadcasts: Broadcasts
  /** The adapter's call that is under way, whose message may be sent later. */
  #lookedUp: LookUp | undefined
  readonly #io: TappedServer
  readonly #host: TapHost
  readonly #classifier: Classifier
  readonly #fields: PacketFields
  readonly #clock: Clock
  readonly #open: OpenChannel
  readonly #sockets = new SocketIndex<ConnectedSocket>(() => this.#io._nsps)
  readonly engines = new Set<EngineServer>()
  readonly #onEngine: (engine: EngineServer) => void
  readonly #encodings = new Encodings((conn, part, options) => {
    const tapped = (conn as TappedSocket)[kTapped]
    if (tapped) this.#offerForeign(conn as TappedSocket, tapped, part, options, undefined)
  })
  readonly #overrides = connectionOverrides(this)
  /** Functions that give the server its own methods back. */
  readonly #restores: Array<() => void> = []
  readonly #adapterTaps = new BroadcastTap({
    emitted: (...emitted) => this.#fields.emitted(...emitted),
    encodes: (adapter, options) => this.#fields.encodes(adapter, options.volatile !== undefined),
    lookUp: (run) => this.#lookUp(run),
    interrupt: () => this.interrupt(),
  })
  readonly #onFault: (where: string, error: Error) => void
  /** Leaves a connection that can't be tapped to Socket.IO, since a throw would end the process. */
  readonly #onConnection = (conn: EngineSocket): void => {
    try {
      this.#tap(conn)
    } catch (refusal) {
      this.#onFault('connection', toError(refusal))
    }
  }

  /**
   * @param onEngine gets every engine of the server, later ones too
   * @param onFault called for a connection that can't be tapped
   * @throws SpillwayError if the server can't be tapped; it is then as it was
   */
  constructor(
    io: TappedServer,
    classifier: Classifier,
    clock: Clock,
    host: TapHost,
    open: OpenChannel,
    onEngine: (engine: EngineServer) => void = () => {},
    onFault: (where: string, error: Error) => void = () => {},
  ) {
    this.broadcasts = new Broadcasts(clock, host.scheduler, host.heldBytes)
    this.#host = host
    this.#io = io
    this.#classifier = classifier
    this.#fields = new PacketFields(io, classifier, clock, () => host.observes())
    this.#clock = clock
    this.#open = open
    this.#onEngine = onEngine
    this.#onFault = onFault
  }

  /**
   * Taps the server and its connections, until `close`.
   *
   * @throws SpillwayError if something of it can't be tapped; nothing of it has changed then
   */
  start(): void {
    try {
      overrideServer(this.#io, this, this.#restores)
      if (this.#io.engine) this.#tapEngine(this.#io.engine)
      // a server that was attached several times knows its latest engine only
      for (const conn of socketsByConn(this.#io).keys()) {
        const { server } = conn as Partial<EngineSocket>
        if (server) this.#tapEngine(server)
      }
    } catch (refusal) {
      this.close()
      throw refusal
    }
  }

  /** Gives Socket.IO and every connection their own methods back. */
  close(): void {
    for (const restore of this.#restores.splice(0)) restore()
    for (const { adapter } of this.#io._nsps?.values() ?? []) this.releaseAdapter(adapter)
    for (const engine of this.engines) {
      engine.off('connection', this.#onConnection)
      for (const conn of Object.values(engine.clients ?? {})) this.release(conn)
    }
    this.engines.clear()
  }

  /** Gives a connection its own methods back. */
  release(conn: TappedSocket): void {
    if (conn[kTapped]?.tap !== this) return
    Reflect.deleteProperty(conn, kTapped)
    for (const override of this.#overrides) override.restore(conn)
  }

  /** Whether a connection has a Socket.IO socket in any namespace. */
  isConnected(conn: object): boolean {
    const channel = (conn as TappedSocket)[kTapped]?.channel
    return channel?.sockets.anyConnected(channel.lanes) === true
  }

  /** The channel of a Socket.IO socket, of any namespace. */
  channelOfSocket(sid: string): Channel | undefined {
    const socket = this.#sockets.find(sid)
    return socket && (socket.conn as TappedSocket)[kTapped]?.channel
  }

  encode(packet: Packet, encode: (packet: Packet) => EncodedPart[]): EncodedPart[] {
    const isTapped = this.tapAdapter(packet.nsp)
    const fields = this.#fields.fieldsOf(packet, isTapped, encode)
    // not what has to be answered in time, nor attachments, which may change meanwhile
    const canWait = fields.kind === 'event' && fields.parts.length === 1 && packet.id === undefined
    return this.#encodings.add(new Encoding(fields, this.#host.scheduler.tick(), canWait))
  }

  bind(engine: EngineServer): void {
    this.#tapEngine(engine)
  }

  /**
   * Taps the adapter of a namespace, if it is not tapped yet.
   *
   * @returns whether it is tapped
   */
  tapAdapter(name: string): boolean {
    const adapter = this.#io._nsps?.get(name)?.adapter
    if (!adapter) return false
    return this.#adapterTaps.has(adapter) || this.#adapterTaps.tap(adapter)
  }

  /** Gives an adapter its own methods back. */
  releaseAdapter(adapter: object): void {
    this.#adapterTaps.release(adapter)
  }

  #lookUp(run: (lookUp: LookUp) => void): void {
    this.interrupt()
    const lookUp = new LookUp(this.broadcasts)
    if (!this.#host.observes()) this.#lookedUp = lookUp
    try {
      run(lookUp)
    } finally {
      if (this.#lookedUp === lookUp) this.#broadcast(lookUp)
    }
  }

  /** Sends what a broadcast has written until now: something happens that is no write of it. */
  interrupt(): void {
    const lookUp = this.#lookedUp
    if (lookUp) this.#broadcast(lookUp, false)
  }

  #broadcast({ envelope, recipients, offered }: LookUp, canWait = true): void {
    this.#lookedUp = undefined
    if (!envelope) return
    if (!canWait) {
      this.broadcasts.offerNow(recipients, envelope)
      return
    }
    // computed now, since the payload may have changed when the message is sent
    if (recipients.length > 0) void envelope.overtakable
    this.broadcasts.offer(recipients, envelope, offered)
  }

  #tapEngine(engine: EngineServer): void {
    if (isForeign(engine)) throw unsupportedEngine('io.engine')
    if (this.engines.has(engine)) return
    this.engines.add(engine)
    // before Socket.IO's own listener, which may already write
    engine.prependListener('connection', this.#onConnection)
    this.#onEngine(engine)
    const conns = Object.values(engine.clients ?? {})
    const sockets = conns.length > 0 ? socketsByConn(this.#io) : undefined
    for (const conn of conns) this.#tap(conn, sockets?.get(conn) ?? [])
  }

  /** @param sockets those of a connection that was made before */
  #tap(conn: TappedSocket, sockets?: readonly ConnectedSocket[]): void {
    if (conn[kTapped] || conn.readyState === 'closed') return
    checkConnection(conn, this.#overrides)
    const known = sockets && { sockets, connectedFor: this.#sinceFirst(sockets) }
    const channel = this.#open(conn, known)
    note(conn, kTapped, { tap: this, channel })
    for (const override of this.#overrides) override.install(conn)
  }

  #sinceFirst(sockets: readonly ConnectedSocket[]): Millis {
    const now = this.#clock.wall()
    const issued = sockets.map(({ handshake }) => handshake?.issued ?? now)
    return Math.max(0, now - Math.min(now, ...issued))
  }

  readonly offer: Offer = (conn, tapped, data, options, callback) => {
    const encoding = this.#encodings.take(conn, data, options, callback)
    if (encoding === 'part') return
    if (encoding === undefined) {
      this.#offerForeign(conn, tapped, data, options, callback)
      return
    }
    const envelope = callback
      ? new Envelope(encoding.fields, options, callback)
      : encoding.envelopeFor(options)
    if (this.#lookedUp) {
      const canWait = encoding.canWait && !options?.volatile && callback === undefined
      if (canWait && this.#lookedUp.add(conn, tapped.channel, envelope)) return
      this.interrupt()
    }
    const isNew = encoding.tick === this.#host.scheduler.tick()
    this.#offerNow(conn, tapped, envelope, isNew ? envelope.emittedAt : this.#clock.now())
  }

  /** Offers a message, after broadcasts that were emitted before it and wait for this client. */
  #offerNow(conn: EngineSocket, tapped: Tapped, envelope: Envelope, now: Millis): void {
    if (this.broadcasts.waiting) this.broadcasts.catchUp(tapped.channel, envelope)
    this.#offerEnvelope(conn, tapped, envelope, now)
  }

  #offerEnvelope(conn: EngineSocket, { channel }: Tapped, envelope: Envelope, now: Millis): void {
    if (envelope.kind === 'connect') {
      const { namespace, sid = legacyId(conn, namespace) } = envelope
      const joined = this.#io._nsps?.get(namespace)?.sockets.get(sid)
      if (joined) {
        channel.join(joined)
        this.#sockets.joined(joined)
      }
    }
    if (envelope.isReplay) channel.replay(envelope, now)
    else channel.offer(envelope, now)
  }

  readonly #offerForeign: Offer = (conn, tapped, data, options, callback) => {
    this.interrupt()
    const now = this.#clock.now()
    const { unannotated } = this.#classifier
    const envelope = foreignEnvelope(conn, unannotated, now, data, options, callback)
    this.#offerNow(conn, tapped, envelope, now)
  }

  now(): number {
    return this.#clock.now()
  }
}
