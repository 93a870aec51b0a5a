import { discard, type EngineSocket, type EngineTransport } from '../../socketio/engine.ts'
import type { GaugeEvents, TransportGauge } from './transport.ts'

/** A transport of which nothing is known but the events that Engine.IO's transports have in common. */
export class UnknownGauge implements TransportGauge {
  readonly writer = undefined
  readonly proof = 'none'
  readonly held = 0
  readonly ending = undefined
  readonly gathers = false
  readonly underWay = 0
  readonly heard = 0
  readonly elsewhere: boolean
  readonly #conn: EngineSocket
  readonly #transport: EngineTransport
  readonly #onReady: () => void

  constructor(
    conn: EngineSocket,
    transport: EngineTransport,
    events: GaugeEvents,
    elsewhere = false,
  ) {
    this.elsewhere = elsewhere
    this.#conn = conn
    this.#transport = transport
    this.#onReady = () => events.ready()
    transport.on('ready', this.#onReady)
    transport.on('drain', this.#onReady)
  }

  get name(): string {
    return this.#transport.name
  }

  measures(transport: EngineTransport): boolean {
    return transport === this.#transport
  }

  flushed(): void {}

  mark(): void {}

  terminate(): void {
    discard(this.#conn)
  }

  end(close: () => void): boolean {
    close()
    return true
  }

  get lingers(): boolean {
    return false
  }

  whenGone(): void {}

  look(): void {}

  detach(): void {
    this.#transport.off('ready', this.#onReady)
    this.#transport.off('drain', this.#onReady)
  }
}
