import type { Clock } from '../base/clock.ts'
import type { NamespaceSocket } from './client-identity.ts'
import type { Reporter } from './reporter.ts'
import type { Gap, ShedSummary } from './shed-episode.ts'

interface Addressee {
  readonly sockets: {
    /** The client's socket in a namespace, if it is connected to it now. */
    connectedIn(namespace: string): NamespaceSocket | undefined
  }
}

type Emitter = NamespaceSocket & { emit(event: string, gap: Gap): unknown }

/** The options by which shed messages are reported. */
export interface ShedNoticeOptions {
  /** The option `onShed`, called with a socket and a summary. */
  readonly onShed: ((...args: never[]) => unknown) | undefined
  readonly gapEvent: string | undefined
}

/**
 * Reports shed messages to the application (`onShed`) and to the client (`gapEvent`), as
 * configured.
 */
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

  /** @param summaries by namespace; skipped where the client has left the namespace meanwhile */
  tell(client: Addressee, summaries: Iterable<readonly [string, ShedSummary]>): void {
    const onShed = this.#onShed
    const gapEvent = this.#gapEvent
    if (!onShed && gapEvent === undefined) return
    for (const [namespace, summary] of summaries) {
      if (gapEvent !== undefined) {
        const gap = this.#gapOf(summary)
        this.#reporter.later('gapEvent', () => {
          const socket = client.sockets.connectedIn(namespace) as Emitter | undefined
          socket?.emit(gapEvent, gap)
        })
      }
      if (onShed) {
        this.#reporter.later('onShed', () => {
          const socket = client.sockets.connectedIn(namespace)
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
