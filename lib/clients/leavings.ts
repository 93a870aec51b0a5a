import type { ClosedClient } from '../../schemas/stats.ts'
import type { Clock } from '../base/clock.ts'
import type { ClosingCode } from '../base/outcomes.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'
import type { Remainder } from '../channel/remainder.ts'
import type { ClientBrief } from '../telemetry/client-identity.ts'
import type { ClosedClients } from '../telemetry/closed-clients.ts'
import type { Reporter } from '../telemetry/reporter.ts'
import type { Client } from './client.ts'
import { type Condition, conditionOf } from './client-stats.ts'
import { type Leniency, ON_CONNECTING } from './leniency.ts'
import { peerOf } from './peer.ts'

/** A client whose connection is gone, which Socket.IO may not have noticed yet. */
interface Leaving {
  readonly client: Client
  readonly left: Remainder
  /** How it was when the connection went. */
  readonly condition: Condition
  readonly connectedFor: Millis
}

/** Who is told of clients that have left. */
export interface LeavingsHost {
  /** Socket.IO has noticed by now; nothing of other clients was told yet. */
  gone(client: Client): void
  /** A client was closed, or has left something in its queue. */
  closed(code: ClosingCode, left: Remainder): void
  /** A client was closed for the budget soon after it had connected. */
  overBudget(client: Client, brief: ClientBrief, connectedFor: Millis): void
  /** All of this tick were told of. */
  told(): void
}

/** Tells of the clients that leave, when Socket.IO has noticed that they are gone. */
export class Leavings {
  /** Of this tick. */
  #leaving: Leaving[] = []
  readonly #host: LeavingsHost
  readonly #clock: Clock
  readonly #history: ClosedClients
  readonly #reporter: Reporter
  readonly #leniency: Leniency

  constructor(
    host: LeavingsHost,
    clock: Clock,
    history: ClosedClients,
    reporter: Reporter,
    leniency: Leniency,
  ) {
    this.#host = host
    this.#clock = clock
    this.#history = history
    this.#reporter = reporter
    this.#leniency = leniency
  }

  get size(): number {
    return this.#leaving.length
  }

  /** A client's connection is gone. */
  add(client: Client): void {
    const { channel } = client
    const now = this.#clock.now()
    const condition = conditionOf(channel, now)
    const connectedFor = now - channel.connectedAt
    const left = channel.closed()
    if (this.#leaving.length === 0) timers.nextTick(this.tell)
    this.#leaving.push({ client, left, condition, connectedFor })
  }

  /**
   * Tells of all of this tick. What listeners of `disconnecting` broadcast is offered to the clients
   * that leave, too: so they are told of when Socket.IO has noticed that these are gone.
   */
  readonly tell = (): void => {
    const leaving = this.#leaving
    for (const { client } of leaving) this.#host.gone(client)
    // whoever is told may close others
    this.#leaving = []
    for (const each of leaving) this.#tellOf(each)
    this.#host.told()
  }

  #tellOf({ client, left, condition, connectedFor }: Leaving): void {
    const { code, undelivered, inFlight } = left
    if (code === undefined) return
    this.#host.closed(code, left)
    const { conn } = client.link
    const brief = { id: client.channel.id, ...peerOf(conn) }
    const closed: ClosedClient = this.#history.add(code, {
      ...brief,
      at: new timers.Date(this.#clock.wall()).toISOString(),
      connectedFor,
      undelivered: { messages: undelivered.messages, bytes: undelivered.bytes },
      inFlight,
    })
    this.#reporter.closed(closed, condition)
    if (code === 'budget' && connectedFor < ON_CONNECTING) {
      this.#host.overBudget(client, brief, connectedFor)
    }
    if (code !== 'emergency' && code !== 'over-limit') return
    if (this.#leniency.closed(conn.remoteAddress, connectedFor, this.#clock.now())) {
      this.#reporter.closedOnConnecting(brief, 'is given longer')
    }
  }
}
