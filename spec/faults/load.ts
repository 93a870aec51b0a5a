import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Server, Socket } from 'socket.io'
import { often } from '../support/thorough.ts'

/** Of a critical message: one of each emit, leaked, is more than a run's heap may grow. */
const CRITICAL_PAD = 'c'.repeat(8000)
/** And of a cosmetic one. */
const COSMETIC_PAD = 'f'.repeat(8000)
const CONFLATED_PAD = 'o'.repeat(2000)
const TABLES = 4
const EVERY_MS = 2
/** So many rounds follow each other as fast; later ones go beside a fault that only waits. */
const FAST_ROUNDS = often({ usually: 400, thoroughly: Number.POSITIVE_INFINITY })
const LATER_EVERY_MS = 20

/** What a client is told when it connects: the numbers of the latest messages. */
export interface Beginning {
  readonly won: number
  readonly seat: number
}

/**
 * The server's broadcasts: in each round a numbered critical message, a cosmetic one and one that
 * is conflated. A second numbered sequence is emitted from wherever a fault emits.
 */
export class Load {
  won = 0
  seat = 0
  /** Errors that came out of an emit. */
  readonly thrown: unknown[] = []
  readonly #io: Server
  #running: Promise<void> | undefined
  #stopped = false

  constructor(io: Server) {
    this.#io = io
    io.on('connection', (socket) => this.begin(socket))
  }

  begin(socket: Socket): void {
    const beginning: Beginning = { won: this.won, seat: this.seat }
    socket.emit('begin', beginning)
  }

  /** To everyone, from within something else. */
  readonly emitSeat = (): void => {
    const n = ++this.seat
    this.#emit('table:state', { kind: 'seat', n, pad: CRITICAL_PAD })
  }

  round(): void {
    const n = ++this.won
    this.#emit('jackpot:won', { n, pad: CRITICAL_PAD })
    this.#emit('reel:frame', { n, pad: COSMETIC_PAD })
    this.#emit('odds:now', { table: `t${n % TABLES}`, n, pad: CONFLATED_PAD })
  }

  start(): void {
    this.#stopped = false
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  /** Waits while so many rounds more are emitted. */
  async rounds(count: number): Promise<void> {
    for (const until = this.won + count; this.won < until; ) await sleep(EVERY_MS)
  }

  /** Emits at most so many rounds by itself. */
  async burst(rounds: number): Promise<void> {
    for (let n = 0; n < rounds && !this.#stopped; n++) {
      this.round()
      await sleep(n < FAST_ROUNDS ? EVERY_MS : LATER_EVERY_MS)
    }
    await turn()
  }

  #run(): Promise<void> {
    return this.burst(MOST_ROUNDS)
  }

  #emit(event: string, payload: object): void {
    try {
      this.#io.emit(event, payload)
    } catch (error) {
      this.thrown.push(error)
    }
  }
}

/** Ends a load that nobody stops. */
const MOST_ROUNDS = 100_000
