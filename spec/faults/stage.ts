import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import type { Server } from 'socket.io'
import { startWifi } from '../../demo/lobby/wifi.ts'
import type { Spillway } from '../../lib/attach.ts'
import spillway from '../../lib/plugin.ts'
import { HostileSocket } from '../support/clients/hostile-socket.ts'
import { type AppFixture, listen } from '../support/servers/app.ts'
import { connectors, eventually, type Fixture } from '../support/servers/server.ts'
import { type Fault, OF_APPLICATION, type Outcome } from './fault.ts'
import { Follower } from './follower.ts'
import { Load } from './load.ts'
import { OPTIONS, WATERMARKS } from './options.ts'
import {
  accounted,
  differencesOf,
  HEAP_TOLERANCE,
  heapAlive,
  NOTHING,
  openHandles,
  readingsOf,
} from './readings.ts'

/** Of the load, in a run at least. */
export const ROUNDS = 300
const WARM_UP_ROUNDS = 60
/** Of the slow client: more than what is critical needs, less than all. */
const SLOW_RATE = 6_000_000
const SETTLE_MS = 30_000

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

  static async open({ options, server, host }: Fault): Promise<Stage> {
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

/** One run of a fault, on a server of its own. */
export async function runHere(fault: Fault): Promise<Outcome> {
  const handles = openHandles()
  const errors: string[] = []
  process.setUncaughtExceptionCaptureCallback((error) => {
    const { message = String(error), stack = message } = error ?? {}
    if (!fault.uncaught || message !== OF_APPLICATION) errors.push(`uncaught: ${stack}`)
  })
  const stage = await Stage.open(fault)
  let outcome: Outcome
  try {
    outcome = await runOn(stage, fault)
  } finally {
    await stage.close()
    process.setUncaughtExceptionCaptureCallback(null)
  }
  const problems = [...outcome.problems, ...errors, ...(await handlesLeft(handles))]
  return { ...outcome, problems }
}

async function runOn(stage: Stage, fault: Fault): Promise<Outcome> {
  const { load, problems, stayers, guests } = stage
  await stage.openStayers()
  const read = () => readingsOf(stage.io, stage.spillway)
  const before = { ...read(), ...NOTHING }
  await load.burst(WARM_UP_ROUNDS)
  await stage.caughtUp()
  const heapBefore = await heapAlive()

  const from = load.won
  load.start()
  await fault.run(stage)
  await load.rounds(Math.max(0, ROUNDS - (load.won - from)))
  await load.stop()
  await stage.caughtUp()
  await stage.closeStrangers()

  const left = () => differencesOf(before, read())
  await eventually(() => left().length === 0, SETTLE_MS).catch(() => {})
  problems.push(...left())
  const heapAfter = await heapAlive()
  if (heapAfter - heapBefore > (fault.heapTolerance ?? HEAP_TOLERANCE)) {
    problems.push(`heap: ${heapBefore} bytes before, ${heapAfter} after`)
  }
  const all = [...stayers, ...guests]
  const sum = (of: (follower: Follower) => number) => all.reduce((n, each) => n + of(each), 0)
  const figures = {
    lost: stayers.reduce((n, each) => n + each.lost(load), 0) + sumGaps(guests),
    doubled: sum((each) => each.doubled),
    reordered: sum((each) => each.reordered),
  }
  for (const each of all) {
    const lost = stayers.includes(each) ? each.lost(load) : each.gaps
    if (lost + each.doubled + each.reordered === 0) continue
    const { doubled, reordered } = each
    problems.push(`${each.name}: lost ${lost}, doubled ${doubled}, reordered ${reordered}`)
  }
  for (const { name, disconnects } of stayers) {
    if (disconnects.length > 0) problems.push(`${name} was disconnected: ${disconnects}`)
  }
  return {
    fault: fault.name,
    sent: load.won + load.seat,
    received: sum((each) => each.received),
    ...figures,
    heapBefore,
    heapAfter,
    left: accounted(read()),
    problems,
  }
}

function sumGaps(followers: readonly Follower[]): number {
  return followers.reduce((n, { gaps }) => n + gaps, 0)
}

/** Node tells of a closed handle a turn of the loop later. */
async function handlesLeft(before: Readonly<Record<string, number>>): Promise<string[]> {
  const left = () =>
    Object.entries(openHandles())
      .filter(([kind, count]) => count > (before[kind] ?? 0))
      .map(([kind, count]) => `open handles: ${kind}: ${before[kind] ?? 0} before, ${count} after`)
  for (let looks = 0; left().length > 0 && looks < 100; looks++) await sleep(20)
  return left()
}
