import type { ServerOf } from '../../lib/index.ts'
import type { LobbyMessages } from './messages.ts'

export interface LoadOptions {
  /** After so many seconds it ends by itself. */
  readonly seconds: number
  /** Of each game on show; 0 for none. Default 20, which makes 320 KB/s with 8 games. */
  readonly framesPerSecond?: number
  /** How many games are on show, 1 to 8. Default 8. */
  readonly games?: number
}

export interface Load {
  /** Critical messages so far; they are numbered from 1. */
  readonly criticalSent: number
  readonly running: boolean
  /** Resolves when the load has ended. */
  readonly ended: Promise<void>
  stop(): void
}

const GAMES = ['aurora', 'borealis', 'comet', 'dune', 'ember', 'fjord', 'glacier', 'harbor']
const SYMBOLS = ['7', '♠', '♥', '♦', '♣', '★', 'A', 'K']
const GUESTS = ['Ada', 'Blaise', 'Carl', 'Daniel', 'Emmy', 'Felix', 'Grace']
const LINES = ['good luck everyone', 'so close', 'anyone at table 4?', 'that reel!', 'one more']

const BEAT_MS = 500
/** Every tenth beat a game has free spins: three more frames of each game at once. */
const BURST_BEATS = 10
const BURST_FRAMES = 3
/** With the other fields a message is then about 2 KB. */
const ART = 'c3Bpbg'.repeat(310)

/** The traffic of a lobby: reel frames all the time, something critical about every second. */
export function startLoad(io: ServerOf<LobbyMessages>, options: LoadOptions): Load {
  const { seconds, framesPerSecond = 20 } = options
  const games = GAMES.slice(0, options.games ?? GAMES.length)
  const timers: NodeJS.Timeout[] = []
  const { promise: ended, resolve } = deferred()
  let criticalSent = 0
  let running = true
  let frame = 0
  let beats = 0

  const numbered = () => ({ seq: ++criticalSent, ...drawn() })

  function frames(): void {
    frame++
    for (const game of games) {
      const symbols = [pick(SYMBOLS), pick(SYMBOLS), pick(SYMBOLS)]
      io.emit('reel:frame', { game, frame, symbols, ...drawn() })
    }
  }

  function beat(): void {
    beats++
    const table = `table ${1 + (beats % 6)}`
    io.emit('table:state', { kind: 'chatter', table, text: pick(LINES), ...drawn() })
    io.emit('sound:cue', { cue: pick(['chips', 'bell', 'shuffle']), ...drawn() })
    io.emit('chat:line', { from: pick(GUESTS), text: pick(LINES), ...drawn() })
    if (beats % 2 === 0) jackpot()
    if (beats % 4 === 1) seat(table)
    if (framesPerSecond > 0 && beats % BURST_BEATS === 0) {
      for (let extra = 0; extra < BURST_FRAMES; extra++) frames()
    }
  }

  function jackpot(): void {
    const amount = 1_000 + Math.floor(Math.random() * 90_000)
    io.emit('jackpot:won', { game: pick(games), amount, winner: pick(GUESTS), ...numbered() })
  }

  function seat(table: string): void {
    const player = Math.random() < 0.5 ? pick(GUESTS) : null
    const taken = 1 + Math.floor(Math.random() * 9)
    io.emit('table:state', { kind: 'seat', table, seat: taken, player, ...numbered() })
  }

  function stop(): void {
    running = false
    for (const timer of timers) clearTimeout(timer)
    resolve()
  }

  timers.push(setInterval(beat, BEAT_MS), setTimeout(stop, seconds * 1000))
  if (framesPerSecond > 0) timers.push(setInterval(frames, 1000 / framesPerSecond))

  return {
    get criticalSent() {
      return criticalSent
    },
    get running() {
      return running
    },
    ended,
    stop,
  }
}

function drawn() {
  return { sentAt: Date.now(), art: ART }
}

function pick<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)]!
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
