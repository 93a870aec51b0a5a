import type { Limits } from '../base/limits.ts'
import type { Millis } from '../base/units.ts'
import type { TurnScheduler } from '../loop/turn-scheduler.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import type { Meters } from '../telemetry/meters.ts'
import type { ShedEpisode } from '../telemetry/shed-episode.ts'

/** What the channel of a client needs from its surroundings. None of these may throw. */
export interface HostOf<Client> {
  readonly limits: Limits
  /** The limits by which a client is judged: some are given longer. */
  limitsFor(client: Client): Limits
  readonly meters: Meters
  readonly heldBytes: HeldBytes
  /** Shares the event loop: serves the client when the tick ends, or in one of the next turns. */
  readonly scheduler: Pick<TurnScheduler, 'add' | 'spent' | 'tick' | 'turn'>
  readonly loopDelay: { at(now: Millis): Millis }
  now(): Millis
  /** The client has something that needs looking after from time to time. */
  watch(client: Client): void
  unwatch(client: Client): void
  /** The client has more than `emergency` buffered and takes it: it needs to be looked at often. */
  lookClosely(client: Client): void
  /** Asks for a `pump` at an instant; of several, the earliest counts. */
  wake(client: Client, at: Millis): void
  /** Offers what was broadcast to the client and waits only for its slice. */
  catchUp(client: Client): void
  /** Whether the process holds so much that clients have to go at once, not with the next sweep. */
  readonly overfull: boolean
  relieve(now: Millis): void
  congested(client: Client): void
  /** The client has caught up after it was congested or something was shed. */
  recovered(client: Client, episode: ShedEpisode, now: Millis, wasCongested: boolean): void
  disconnected(client: Client): void
}
