import type { IncomingMessage } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { ClosingCode } from '../base/outcomes.ts'
import type { Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import type { Remainder } from '../channel/remainder.ts'
import type { EngineSocket } from '../socketio/engine.ts'
import type { ClientBrief } from '../telemetry/client-identity.ts'
import type { Reporter } from '../telemetry/reporter.ts'
import type { ShedEpisode, Untold } from '../telemetry/shed-episode.ts'
import type { Budget } from './budget.ts'

/** What `Clients` needs from its surroundings. */
export interface ClientsHost {
  /** A client has caught up; the episode says what was shed for it until then. */
  recovered(channel: Channel, client: ClientBrief, episode: ShedEpisode, now: Millis): void
  /** Messages were shed for a client that has not caught up; `untold` covers those since the last call. */
  shedding(channel: Channel, client: ClientBrief, untold: Untold, now: Millis): void
  /** A client was closed, or has left something in its queue; Socket.IO has noticed by now. */
  closed(code: ClosingCode, left: Remainder): void
  /** A client was closed for the budget soon after it had connected. */
  overBudget(handshake: IncomingMessage, client: ClientBrief, connectedFor: Millis): void
  /** A connection has gone, and Socket.IO has noticed: nothing is written to it any more. */
  gone(conn: EngineSocket): void
  /** Broadcasts that wait for a later slice of the event loop. */
  readonly broadcasts: {
    waiting(): boolean
    /** Offers a client its share now. */
    catchUp(channel: Channel): void
    /** Tells a client whose connection is gone what its share was. */
    abandon(channel: Channel): void
    /** Offers all clients their shares now. */
    finish(): void
  }
}

export interface ClientsOptions {
  readonly limits: Limits
  readonly budget: Budget
  /** How many closed clients are remembered. */
  readonly closedHistory: number
  readonly tickBudget: Millis
  /** Interval of reports on a client while messages are shed for it; 0: one when it has caught up. */
  readonly shedInterval: Millis
  readonly clock: Clock
  readonly reporter: Reporter
  readonly host: ClientsHost
}
