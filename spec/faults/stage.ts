import Fastify from 'fastify'
import type { Server, ServerOptions } from 'socket.io'
import { startWifi } from '../../demo/lobby/wifi.ts'
import spillway from '../../lib/plugin.ts'
import type { SpillwayPluginOptions } from '../../lib/plugin-options.ts'
import type { Spillway } from '../../lib/spillway.ts'
import { HostileSocket } from '../support/clients/hostile-socket.ts'
import { type AppFixture, listen } from '../support/servers/app.ts'
import { connectors, eventually, type Fixture } from '../support/servers/server.ts'
import { Follower } from './follower.ts'
import { Load } from './load.ts'
import { OPTIONS, WATERMARKS } from './options.ts'

/** Of the slow client: more than what is critical needs, less than all. */
const SLOW_RATE = 6_000_000
export const SETTLE_MS = 30_000

/** How often something of the application was called. */
export class Calls {
  readonly #counts = new Map<string, number>()
  /** Emits a critical message to everyone. */
  emitSeat: () => void = () => {}

  count(name: string): void {
    this.#counts.set(name, this.of(name) + 1)
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0
  }
}

/** What a fault says of its server. */
export interface StageOptions {
  /** Where the server listens. Default: only on this host. */
  readonly host?: string
  /** Of the plugin; `calls` counts, and emits to everyone. */
  readonly options?: (calls: Calls) => SpillwayPluginOptions
  readonly server?: Partial<ServerOptions>
}

/** A real server under load with clients that stay, and the ways to break something beside them. */
export class Stage {
  readonly fixture: AppFixture
  readonly load: Load
  readonly calls: Calls
  readonly problems: string[] = []
  readonly stayers: Follower[] = []
  /** Clients of the fault that check what they get. */
  readonly guests: Follower[] = []
  readonly #strangers: Array<{ close(): unknown }> = []
  readonly client: Fixture['client']
  readonly raw: Fixture['raw']

  private constructor(fixture: AppFixture, calls: Calls) {
    this.fixture = fixture
    this.calls = calls
    this.load = new Load(fixture.io)
    calls.emitSeat = this.load.emitSeat
    const { client, raw } = connectors(fixture.url, this.#strangers)
    this.client = client
    this.raw = raw
  }

  static async open({ options, server, host }: StageOptions): Promise<Stage> {
    const calls = new Calls()
    const app = Fastify()
    await app.register(spillway, {
      ...OPTIONS,
      watermarks: WATERMARKS,
      ...options?.(calls),
      server: { cleanupEmptyChildNamespaces: true, ...server },
    })
    const fixture = await listen(app, undefined, 0, host)
    const stage = new Stage(fixture, calls)
    fixture.io.on('connection', (socket) => {
      socket.on('echo', (value: unknown, ack?: (value: unknown) => void) => ack?.(value))
    })
    return stage
  }

  get io(): Server {
    return this.fixture.io
  }

  get spillway(): Spillway {
    return this.fixture.app.spillway
  }

  get port(): number {
    return this.fixture.port
  }

  /** Something that has to hold. */
  check(what: string, holds: boolean): void {
    if (!holds) this.problems.push(what)
  }

  /** Waits for something that has to come. */
  async expect(what: string, test: () => boolean, within = SETTLE_MS): Promise<void> {
    await eventually(test, within).catch(() => this.problems.push(`never: ${what}`))
  }

  rounds(count: number): Promise<void> {
    return this.load.rounds(count)
  }

  async hostile(): Promise<HostileSocket> {
    const socket = await HostileSocket.open(this.port)
    this.#strangers.push(socket)
    return socket
  }

  /** Closed when the fault is over. */
  stranger<S extends { close(): unknown }>(socket: S): S {
    this.#strangers.push(socket)
    return socket
  }

  /** A client of the fault that checks what it gets. */
  async guest(transports: string[], name = transports.join(', ')): Promise<Follower> {
    const opening = this.client({ transports })
    const client = this.#strangers.at(-1) as Awaited<typeof opening>
    const guest = new Follower(name, client)
    this.guests.push(guest)
    await opening
    return guest
  }

  async openStayers(): Promise<void> {
    const { port } = this.fixture
    const wifi = await startWifi({
      target: { host: '127.0.0.1', port },
      bytesPerSecond: SLOW_RATE,
    })
    const kinds = {
      websocket: { transports: ['websocket'], url: this.fixture.url },
      upgraded: { transports: ['polling', 'websocket'], url: this.fixture.url },
      polling: { transports: ['polling'], url: this.fixture.url },
      slow: { transports: ['websocket'], url: wifi.url },
    }
    for (const [name, { transports, url }] of Object.entries(kinds)) {
      const opened: Array<{ close(): unknown }> = []
      const opening = connectors(url, opened).client({ transports })
      const client = opened[0] as Awaited<typeof opening>
      this.stayers.push(new Follower(name, client))
      await opening
    }
    const { engine } = this.stayers[1]!.client.io
    await eventually(() => engine.transport.name === 'websocket')
    this.#slow = wifi
  }
  #slow: { close(): Promise<void> } | undefined

  /** Everyone who stays has everything. */
  async caughtUp(followers = this.stayers): Promise<void> {
    await eventually(() => followers.every((each) => each.lost(this.load) === 0), SETTLE_MS).catch(
      () => {},
    )
  }

  async closeStrangers(): Promise<void> {
    for (const stranger of this.#strangers.splice(0)) stranger.close()
  }

  async close(): Promise<void> {
    await this.load.stop()
    await this.closeStrangers()
    for (const { client } of this.stayers) client.close()
    await this.#slow?.close()
    await this.fixture.close()
  }
}
