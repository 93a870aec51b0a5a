import type { Socket } from 'socket.io'
import type { MessageMap, NamespaceMap } from '../schemas/events.ts'
import type { Logger } from '../schemas/given-objects.ts'
import type { Bytes, Millis } from './base/units.ts'
import type { ShedSummary } from './telemetry/shed-episode.ts'
import type { ClosedSummary } from './telemetry/undelivered.ts'

/** Options of `attach`. `npm run docs` writes the docstrings of the members from their schema. */
export interface SpillwayOptions<
  M extends MessageMap = MessageMap,
  N extends NamespaceMap = NamespaceMap,
> {
  /**
   * Annotated zod schemas by event name, for the main namespace.
   *
   * Allowed: an object of annotated zod schemas by event name.
   * Default: `{}`.
   */
  messages?: M
  /**
   * The same by namespace. A `Map` may have patterns as keys, for dynamic namespaces.
   *
   * Allowed: an object of message maps by namespace, or a Map of them.
   * Default: `{}`.
   */
  namespaces?: N
  /**
   * `observe` sends everything and counts what would have been shed.
   *
   * Allowed: `enforce` or `observe`.
   * Default: `'enforce'`.
   */
  mode?: 'enforce' | 'observe'
  /**
   * What a payload that fails its schema leads to. `report`: sent as critical, counted and
   * logged. `throw`: the emit throws, and nothing of it is sent, published or stored; for
   * development. `off`: schemas only classify. A payload is validated by the node that emits it.
   *
   * Allowed: `report`, `throw` or `off`.
   * Default: `'report'`.
   */
  validate?: 'report' | 'throw' | 'off'
  /** What is buffered for one client, at which something happens to it. */
  watermarks?: {
    /**
     * Bytes buffered for a client below which it is no longer congested.
     *
     * Allowed: 1 KiB to 1 GiB.
     * Default: 64 KiB.
     */
    low?: Bytes
    /**
     * Bytes buffered for a client above which it is congested, and cosmetic messages are shed,
     * unless its path carries them within `watermarks.horizon`.
     *
     * Allowed: 1 KiB to 1 GiB.
     * Default: 128 KiB.
     */
    high?: Bytes
    /**
     * Bytes buffered for a client above which it is closed if it makes no progress for
     * `stallAfter`.
     *
     * Allowed: 1 KiB to 1 GiB.
     * Default: 512 KiB.
     */
    limit?: Bytes
    /**
     * Bytes buffered for a client above which it is closed when it is sent more and takes none of
     * it in 0.08 of `stallAfter`. What one turn of the event loop brings to a client that has
     * caught up does not count, and one that takes what it is sent may have more. Default: 8 times
     * `limit`.
     *
     * Allowed: 1 KiB to 1 GiB.
     */
    emergency?: Bytes
    /**
     * Milliseconds, beyond a round trip, within which a path that carries what is buffered is not
     * congested, though that be above `high`: up to `limit`, and what a long path holds beside
     * that, but no more than half of `emergency`. `high` rises with the rate of each client, and
     * not at all above the byte budget. `0`: the bytes alone count.
     *
     * Allowed: 0 ms to 60000 ms.
     * Default: 500 ms.
     */
    horizon?: Millis
  }
  /**
   * Milliseconds after which a waiting cosmetic message expires, unless its annotation says
   * otherwise.
   *
   * Allowed: 100 ms to 3600000 ms.
   * Default: 2000 ms.
   */
  maxAge?: Millis
  /**
   * Milliseconds without progress after which a client counts as stalled.
   *
   * Allowed: 100 ms to 3600000 ms.
   * Default: 10000 ms.
   */
  stallAfter?: Millis
  /**
   * Milliseconds after its connect in which a client is not closed for `limit`.
   *
   * Allowed: 0 ms to 3600000 ms.
   * Default: 10000 ms.
   */
  grace?: Millis
  /**
   * Milliseconds of one turn of the event loop after which emits leave their writes to the next
   * turns.
   *
   * Allowed: 1 ms to 1000 ms.
   * Default: 8 ms.
   */
  tickBudget?: Millis
  /**
   * Bytes of memory that the process may hold for all clients together, as estimated from what
   * each message and its places in queues take; shared messages count once. Above it `low` and
   * `high` shrink in proportion; above 1.5 times it clients are closed, those first that most is
   * held for. Default: a quarter of the heap limit without its young generation, which is
   * `--max-old-space-size`.
   *
   * Allowed: 64 KiB to 1024 GiB.
   */
  budget?: Bytes
  /**
   * How many closed clients are remembered with their reasons.
   *
   * Allowed: 1 to 10000.
   * Default: 100.
   */
  closedHistory?: number
  /**
   * Refuses new clients while the process is over its byte budget or its event loop is late.
   * Without it only a shutdown refuses anybody, and, for up to 40 s, whoever comes back to be
   * sent more on connecting than the budget allows.
   */
  admission?: {
    /**
     * Milliseconds by which the event loop may be late, averaged over about half a second. Above
     * it new clients are refused, until it is below half of it. Default: it does not matter.
     *
     * Allowed: 10 ms to 60000 ms.
     */
    loopDelay?: Millis
    /**
     * Milliseconds after which a refused client may try again, at the least; each is told another
     * time, up to twice that.
     *
     * Allowed: 100 ms to 3600000 ms.
     * Default: 5000 ms.
     */
    retryAfter?: Millis
  }
  /** How clients are closed when the server shuts down. */
  shutdown?: {
    /**
     * Milliseconds that a shutdown may take to send what is critical and to close the clients; who
     * is left then is terminated.
     *
     * Allowed: 0 ms to 3600000 ms.
     * Default: 5000 ms.
     */
    deadline?: Millis
    /**
     * Milliseconds over which the clients are closed, so that they do not all reconnect at once;
     * at most `deadline`.
     *
     * Allowed: 0 ms to 3600000 ms.
     * Default: 0 ms.
     */
    spread?: Millis
  }
  /**
   * Called as `onShed(socket, summary)` when a client for which messages were shed has caught
   * up, and every `shedInterval` until then, with `ongoing: true` in the summary.
   *
   * Allowed: a function.
   */
  onShed?: (socket: Socket, summary: ShedSummary) => unknown
  /**
   * Called as `onClosed(socket, summary)` when a client was closed by the library, or its
   * connection has ended, in whatever way, before it was sent everything: once for each
   * namespace that it was in, or had left with something queued. The summary has the `code` and
   * what was undelivered there, by event, what was emitted until Socket.IO had noticed included,
   * so that it can be sent a snapshot when it comes back. A shutdown waits for its promise until
   * the deadline; `app.close()` as long once more, for those whom the deadline has ended.
   *
   * Allowed: a function.
   */
  onClosed?: (socket: Socket, summary: ClosedSummary) => unknown
  /**
   * An event that a client is sent when messages were shed for it and it has caught up, with `{
   * dropped, conflated, expired, since }`, and every `shedInterval` until then, with `ongoing:
   * true` in it. Default: none is sent.
   *
   * Allowed: the name of an event of 1 to 200 characters, not one of Socket.IO's own.
   */
  gapEvent?: string
  /**
   * Milliseconds after which `onShed`, `gapEvent` and the log tell of a client that is behind
   * all the time, again and again, each time of what was shed since the last. It is looked for
   * about once a second; a client that takes nothing, or that something critical waits for, is
   * told of later. 0: only when it has caught up.
   *
   * Allowed: 0 ms to 3600000 ms.
   * Default: 30000 ms.
   */
  shedInterval?: Millis
  /**
   * A pino logger. The Fastify plugin passes `app.log`.
   *
   * Allowed: a logger with the methods info, warn and error, as pino has.
   */
  log?: Logger
}
