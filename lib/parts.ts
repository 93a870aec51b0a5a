import type { IncomingMessage } from 'node:http'
import type { Socket } from 'socket.io'
import { RETRY_AFTER } from '../schemas/admission-options.ts'
import type { AttachOptions } from '../schemas/options.ts'
import { Admission } from './admission/admission.ts'
import { Handshakes, whoAsks } from './admission/handshakes.ts'
import { systemClock } from './base/clock.ts'
import type { Limits } from './base/limits.ts'
import type { ClosingCode } from './base/outcomes.ts'
import type { Millis } from './base/units.ts'
import type { Remainder } from './channel/remainder.ts'
import { Classifier } from './classify/classifier.ts'
import type { CompiledMessages } from './classify/compiled-messages.ts'
import { Budget } from './clients/budget.ts'
import { conditionOf } from './clients/client-stats.ts'
import { Clients } from './clients/clients.ts'
import { AdapterGuard } from './cluster/adapter-guard.ts'
import { Tap } from './intercept/tap.ts'
import type { TappedServer } from './socketio/server.ts'
import type { ClientBrief } from './telemetry/client-identity.ts'
import { Reporter } from './telemetry/reporter.ts'
import { ShedNotices } from './telemetry/shed-notices.ts'
import type { ClosedSummary } from './telemetry/undelivered.ts'

/** Makes the parts of one attached server, connects them, and starts and stops them together. */
export class Parts {
  readonly options: AttachOptions
  readonly reporter: Reporter
  readonly classifier: Classifier
  readonly clients: Clients
  readonly tap: Tap
  readonly admission: Admission
  readonly handshakes: Handshakes
  readonly adapters: AdapterGuard
  #open = true

  /** @throws SpillwayError if something of the server can't be replaced; it is as before then */
  constructor(
    server: TappedServer,
    options: AttachOptions,
    limits: Limits,
    messages: CompiledMessages,
  ) {
    this.options = options
    this.reporter = new Reporter(options.log, systemClock)
    this.classifier = new Classifier({
      messages,
      validate: options.validate,
      onInvalid: (report) => this.reporter.invalid(report),
      onFault: (where, error) => this.reporter.fault(where, error),
      clock: systemClock,
    })
    const { onShed, gapEvent, shedInterval } = options
    const notices = new ShedNotices({ onShed, gapEvent }, this.reporter, systemClock)
    this.clients = new Clients({
      limits,
      budget: new Budget(options.budget),
      closedHistory: options.closedHistory,
      tickBudget: options.tickBudget,
      shedInterval,
      clock: systemClock,
      reporter: this.reporter,
      host: {
        recovered: (channel, client, episode, now) => {
          this.reporter.recovered(client, episode.summary(now), conditionOf(channel, now))
          notices.tell(channel, episode.byNamespace(now))
        },
        shedding: (channel, client, { total, namespaces }, now) => {
          this.reporter.shedding(client, total, conditionOf(channel, now))
          notices.tell(channel, namespaces)
        },
        closed: (code, left) => this.#onClosed(code, left),
        overBudget: (...closing) => this.#onOverBudget(...closing),
        gone: (conn) => this.tap.release(conn),
        broadcasts: {
          waiting: () => this.tap.broadcasts.waiting,
          catchUp: (channel) => this.tap.broadcasts.catchUp(channel),
          abandon: (channel) => this.tap.broadcasts.abandon(channel),
          finish: () => this.tap.broadcasts.finish(),
        },
      },
    })
    const { admission } = options
    this.admission = new Admission(
      admission ?? { retryAfter: RETRY_AFTER },
      admission !== undefined,
      systemClock,
      {
        overBudget: () => this.clients.budget.isExceeded,
        refused: (client) => this.reporter.refused(client),
      },
    )
    this.handshakes = new Handshakes(
      server,
      this.admission,
      (conn) => this.tap.isConnected(conn),
      systemClock,
    )
    this.tap = new Tap(
      server,
      this.classifier,
      systemClock,
      {
        scheduler: this.clients.scheduler,
        heldBytes: this.clients.heldBytes,
        observes: () => this.clients.configured.mode === 'observe',
      },
      (conn, known) => this.clients.open(conn, known),
      (engine) => {
        this.handshakes.add(engine)
        this.clients.strays.watch(engine)
      },
      (where, error) => this.reporter.fault(where, error),
    )
    try {
      this.tap.start()
    } catch (refusal) {
      this.clients.close()
      throw refusal
    }
    this.adapters = new AdapterGuard(server, systemClock, this.reporter, {
      adopted: (namespace) => this.tap.tapAdapter(namespace),
      released: (adapter) => this.tap.releaseAdapter(adapter),
    })
    this.clients.start()
    if (admission) {
      this.admission.start()
      this.handshakes.guard(this.tap.engines)
    }
    if ((server.engine?.opts ?? server.opts)?.perMessageDeflate) {
      this.reporter.warn(
        { option: 'perMessageDeflate' },
        'perMessageDeflate is on: sizes are counted before compression',
      )
    }
  }

  /** Refuses new clients from now on. */
  refuse(): void {
    if (!this.#open) return
    this.admission.shut()
    this.handshakes.guard(this.tap.engines)
  }

  /** Hands over what is queued, and restores the server's own methods. */
  close(): void {
    this.#open = false
    this.clients.departures = undefined
    this.clients.finish()
    this.tap.close()
    this.clients.close()
    this.handshakes.close()
    this.adapters.close()
    this.admission.close()
    this.reporter.close()
  }

  /** Makes the client wait before it comes back: it is sent the same again and would be closed again. */
  #onOverBudget(handshake: IncomingMessage, client: ClientBrief, connectedFor: Millis): void {
    const who = whoAsks(handshake, client.address ?? undefined)
    if (!this.#open || !this.admission.closed(who, connectedFor)) return
    this.handshakes.guard(this.tap.engines)
    this.reporter.closedOnConnecting(client, 'has to wait')
  }

  #onClosed(code: ClosingCode, { sockets, undelivered, inFlight }: Remainder): void {
    const onClosed = this.options.onClosed as
      | ((socket: Socket, summary: ClosedSummary) => unknown)
      | undefined
    if (!onClosed) return
    for (const { socket, stayed } of sockets) {
      const summary = { code, ...undelivered.of(socket), inFlight }
      // a socket that had left its namespace earlier has been sent everything
      if (!stayed && summary.messages === 0) continue
      this.reporter.later('onClosed', () => onClosed(socket as unknown as Socket, summary))
    }
  }
}
