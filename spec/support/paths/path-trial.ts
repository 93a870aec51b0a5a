import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import { type Lobby, startLobby } from '../../../demo/lobby/server.ts'
import type { ClientStats } from '../../../schemas/stats.ts'
import { range, reached } from '../browser/browser.ts'
import { clientRoute } from '../browser/browser-client.ts'
import { type Path, PathRelay } from './path-relay.ts'

/** What one client has received, and what it was sent. */
export interface Brought {
  readonly offered: number
  readonly cosmetic: number
  readonly critical: readonly number[]
  readonly criticalSent: number
  readonly disconnects: number
}

/** What a client is brought with the plugin, and one beside it without. */
export interface SideBySide<S extends Brought> {
  readonly plain: S
  readonly spillway: S
}

/**
 * Plays all trials side by side with and without the plugin, and again, one at a time, those that
 * are not good: a pause of a busy machine is one of the path too.
 */
export async function playAll<T, S extends Brought>(
  trials: Readonly<Record<string, T>>,
  play: (trial: T, plain: boolean) => Promise<S>,
  good: (seen: S, trial: T) => boolean,
): Promise<Map<string, SideBySide<S>>> {
  const seen = new Map<string, SideBySide<S>>()
  const playBoth = async (name: string, trial: T): Promise<void> => {
    const [plain, spillway] = await Promise.all([play(trial, true), play(trial, false)])
    seen.set(name, { plain, spillway })
  }
  const all = Object.entries(trials)
  await Promise.all(all.map(([name, trial]) => playBoth(name, trial)))
  for (const [name, trial] of all) {
    for (let again = 0; again < TIMES_AGAIN && !good(seen.get(name)!.spillway, trial); again++) {
      await playBoth(name, trial)
    }
  }
  return seen
}

/** Tests that every critical message arrives in order, and without the plugin every other one too. */
export function bringsEverything(seen: (subject: 'plain' | 'spillway') => Brought): void {
  for (const subject of ['plain', 'spillway'] as const) {
    it(`${subject} brings every critical message in order, on one connection`, () => {
      const { critical, criticalSent, disconnects } = seen(subject)
      expect(critical).to.deep.equal(range(1, criticalSent))
      expect(disconnects).to.equal(0)
    })
  }

  it('plain brings every cosmetic message', () => {
    const { cosmetic, offered } = seen('plain')
    expect(cosmetic).to.equal(offered)
  })
}

/** A server with one client behind a path, with the plugin or without it. */
export class PathTrial {
  /** Cosmetic messages that were emitted since the load began. */
  offered = 0
  criticalSent = 0
  readonly relay: PathRelay
  readonly lobby: Lobby
  readonly #emitted = new EventEmitter()
  #load: NodeJS.Timeout | undefined

  static async open(path: Path, { plain }: { plain: boolean }): Promise<PathTrial> {
    const lobby = await startLobby({ plain, setup: clientRoute })
    return new PathTrial(lobby, await PathRelay.to(lobby, path))
  }

  private constructor(lobby: Lobby, relay: PathRelay) {
    this.lobby = lobby
    this.relay = relay
  }

  /** 320 KB/s: eight cosmetic messages of 2 KB every 50 ms, and now and then a critical one. */
  load(): void {
    const { io } = this.lobby
    let ticks = 0
    this.#load = setInterval(() => {
      const sentAt = Date.now()
      for (let n = 0; n < MESSAGES; n++) {
        // each of a game of its own: none is replaced by a newer one
        const game = `game ${++this.offered}`
        io.emit('reel:frame', { game, frame: 1, symbols: ['7', 'A', 'K'], sentAt, art: ART })
      }
      if (++ticks % CRITICAL_TICKS === 0) {
        const seq = ++this.criticalSent
        io.emit('jackpot:won', { game: 'a', amount: 1, winner: 'Ada', seq, sentAt, art: '' })
      }
      this.#emitted.emit('tick')
    }, EVERY_MS)
  }

  /** Until so many more cosmetic messages are emitted. */
  async offer(count: number): Promise<void> {
    const until = this.offered + count
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (this.offered < until) return
        this.#emitted.off('tick', check)
        resolve()
      }
      this.#emitted.on('tick', check)
    })
  }

  /** Ends the load, and waits until the client has all that was not shed. */
  async settle(cosmetic: () => number | Promise<number>): Promise<void> {
    clearInterval(this.#load)
    await reached('all that was not shed', async () => {
      return (await cosmetic()) + this.shed >= this.offered
    })
  }

  /** Cosmetic messages that the client was not sent. */
  get shed(): number {
    const { dropped, conflated, expired } = this.stats ?? NOTHING
    return dropped.messages + conflated.messages + expired.messages
  }

  /** Undefined without the plugin. */
  get stats(): ClientStats | undefined {
    return [...(this.lobby.app.spillway?.clients() ?? [])][0]
  }

  async close(): Promise<void> {
    clearInterval(this.#load)
    await this.relay.close()
    await this.lobby.close()
  }
}

/** How many cosmetic messages are emitted in so many milliseconds. */
export function offeredIn(ms: number): number {
  return Math.ceil(ms / EVERY_MS) * MESSAGES
}

/** The longest that a round trip may take, without a queue. */
export function longestRoundTrip({ delayMs = 0, jitterMs = 0, bunchMs = 0 }: Path): number {
  return 2 * (delayMs + jitterMs + bunchMs)
}

const TIMES_AGAIN = 2
const MESSAGES = 8
const EVERY_MS = 50
const CRITICAL_TICKS = 10
const ART = 'c3Bpbg'.repeat(310)
const NOTHING = {
  dropped: { messages: 0 },
  conflated: { messages: 0 },
  expired: { messages: 0 },
}
