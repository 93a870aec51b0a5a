import type { ClosedClient } from '../../schemas/stats.ts'
import type { Clock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'
import type { Remainder } from '../channel/remainder.ts'
import type { ClosedClients } from '../telemetry/closed-clients.ts'
import type { Reporter } from '../telemetry/reporter.ts'
import type { Client } from './client.ts'
import { type Condition, conditionOf } from './client-stats.ts'
import type { ClientsHost } from './clients-host.ts'
import { type Leniency, ON_CONNECTING } from './leniency.ts'
import { briefOf } from './peer.ts'

/** A client whose connection is gone, which Socket.IO may not have noticed yet. */
interface Leaving {
  readonly client: Client
  readonly left: Remainder
  /** How it was when the connection went. */
  readonly condition: Condition
  readonly connectedFor: Millis
}

interface LeavingsOptions {
  readonly host: ClientsHost
  readonly clock: Clock
  readonly history: ClosedClients
  readonly reporter: Reporter
  readonly leniency: Leniency
  /** Everything of this tick was told. */
  readonly told: () => void
}

/** Tells of the clients that leave, when Socket.IO has noticed that they are gone. */
export class Leavings {
  /** Clients that have left in this tick. */
  #leaving: Leaving[] = []
  readonly #options: LeavingsOptions

  constructor(options: LeavingsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#leaving.length
  }

  /** A client's connection is gone. */
  add(client: Client): void {
    const now = this.#options.clock.now()
    const condition = conditionOf(client, now)
    const connectedFor = now - client.connectedAt
    const left = client.closed()
    if (this.#leaving.length === 0) timers.nextTick(this.tell)
    this.#leaving.push({ client, left, condition, connectedFor })
  }

  /**
   * Tells of all of this tick. What listeners of `disconnecting` broadcast is offered to the clients
   * that leave, too: so they are told of when Socket.IO has noticed that these are gone.
   */
  readonly tell = (): void => {
    const { host, told } = this.#options
    const leaving = this.#leaving
    for (const { client } of leaving) {
      host.gone(client.link.conn)
      if (host.broadcasts.waiting()) host.broadcasts.abandon(client)
    }
    // whoever is told may close others
    this.#leaving = []
    for (const each of leaving) this.#tellOf(each)
    told()
  }

  #tellOf({ client, left, condition, connectedFor }: Leaving): void {
    const { code, undelivered, inFlight } = left
    if (code === undefined) return
    const { host, clock, history, reporter, leniency } = this.#options
    host.closed(code, left)
    const { request, remoteAddress } = client.link.conn
    const brief = briefOf(client)
    const closed: ClosedClient = history.add(code, {
      ...brief,
      at: new timers.Date(clock.wall()).toISOString(),
      connectedFor,
      undelivered: { messages: undelivered.messages, bytes: undelivered.bytes },
      inFlight,
    })
    reporter.closed(closed, condition)
    if (code === 'budget' && connectedFor < ON_CONNECTING && request) {
      host.overBudget(request, brief, connectedFor)
    }
    if (code !== 'emergency' && code !== 'over-limit') return
    if (leniency.closed(remoteAddress, connectedFor, clock.now())) {
      reporter.closedOnConnecting(brief, 'is given longer')
    }
  }
}
