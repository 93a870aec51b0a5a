import type { Clock } from '../base/clock.ts'
import type { NamespaceSocket } from './client-identity.ts'
import type { Reporter } from './reporter.ts'
import type { Gap, ShedSummary } from './shed-episode.ts'

interface Addressee {
  /** Its socket in a namespace, if it is in it now. */
  socketIn(namespace: string): NamespaceSocket | undefined
}

type Emitter = NamespaceSocket & { emit(event: string, gap: Gap): unknown }

export interface ShedNoticeOptions {
  /** Called with a socket and a summary. */
  readonly onShed: ((...args: never[]) => unknown) | undefined
  readonly gapEvent: string | undefined
}

/** Tells the application, and clients that want to know, what was shed for them: option by option. */
export class ShedNotices {
  readonly #onShed: ((socket: NamespaceSocket, summary: ShedSummary) => unknown) | undefined
  readonly #gapEvent: string | undefined
  readonly #reporter: Reporter
  readonly #clock: Clock

  constructor({ onShed, gapEvent }: ShedNoticeOptions, reporter: Reporter, clock: Clock) {
    this.#onShed = onShed as
      | ((socket: NamespaceSocket, summary: ShedSummary) => unknown)
      | undefined
    this.#gapEvent = gapEvent
    this.#reporter = reporter
    this.#clock = clock
  }

  /** @param summaries by namespace; who has left one by the time of the call is not told */
  tell(client: Addressee, summaries: Iterable<readonly [string, ShedSummary]>): void {
    const onShed = this.#onShed
    const gapEvent = this.#gapEvent
    if (!onShed && gapEvent === undefined) return
    for (const [namespace, summary] of summaries) {
      if (gapEvent !== undefined) {
        const gap = this.#gapOf(summary)
        this.#reporter.later('gapEvent', () => {
          const socket = client.socketIn(namespace) as Emitter | undefined
          socket?.emit(gapEvent, gap)
        })
      }
      if (onShed) {
        this.#reporter.later('onShed', () => {
          const socket = client.socketIn(namespace)
          return socket && onShed(socket, summary)
        })
      }
    }
  }

  #gapOf({ dropped, conflated, expired, lasted, ongoing }: ShedSummary): Gap {
    const since = Math.round(this.#clock.wall() - lasted)
    return { dropped, conflated, expired, since, ...(ongoing && { ongoing }) }
  }
}
