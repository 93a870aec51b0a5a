import { setTimeout as sleep } from 'node:timers/promises'
import { Player } from '../lobby/player.ts'
import { startWifi } from '../lobby/wifi.ts'
import { megabytes, type Percentiles, percentiles } from './figures.ts'
import type { Readings } from './meter.ts'
import { ServerProcess } from './server-process.ts'

/** What one group of clients saw, summed over its clients. */
export interface GroupResult {
  readonly clients: number
  /** Of what was received: what never came has no latency. */
  readonly critical_ms: Percentiles
  readonly critical_sent: number
  readonly critical_received: number
  readonly cosmetic_received: number
  readonly cosmetic_shed: number
  readonly connections_lost: number
}

export interface TrialResult {
  readonly fast: GroupResult
  readonly slow: GroupResult
  readonly rss_mb: { readonly start: number; readonly max: number }
  readonly max_buffered_bytes: number
}

export interface TrialOptions {
  readonly plain: boolean
  readonly seconds: number
  /** Called with the time that has passed, about once a second. */
  readonly onSecond: (second: number) => void
}

const FAST_CLIENTS = 20
const SLOW_CLIENTS = 3
const SLOW_BYTES_PER_SECOND = 10_000
/** What is critical and still under way when the load ends may arrive this much later. */
const DRAIN_MS = 10_000
const POLL_MS = 100

/** One run of the lobby: a server in its own process, fast clients, and slow ones on Wi-Fi. */
export async function runTrial(options: TrialOptions): Promise<TrialResult> {
  const { plain, seconds, onSecond } = options
  const server = new ServerProcess()
  const players: Player[] = []
  let second = 0
  const clock = setInterval(() => onSecond(++second), 1000)
  try {
    const port = await server.open(plain)
    const wifi = await startWifi({
      target: { host: '127.0.0.1', port },
      bytesPerSecond: SLOW_BYTES_PER_SECOND,
    })
    try {
      const fast = await connect(FAST_CLIENTS, `http://127.0.0.1:${port}`, players)
      const slow = await connect(SLOW_CLIENTS, wifi.url, players)
      const sent = await server.load(seconds)
      await drain(players, sent)
      return resultOf(fast, slow, sent, await server.read())
    } finally {
      for (const player of players) player.close()
      await wifi.close()
    }
  } finally {
    clearInterval(clock)
    await server.close()
  }
}

async function connect(count: number, url: string, all: Player[]): Promise<Player[]> {
  const players: Player[] = []
  for (let index = 0; index < count; index++) {
    const player = await Player.connect(url)
    players.push(player)
    all.push(player)
  }
  return players
}

/** Waits until all have everything critical, or the time is over. */
async function drain(players: readonly Player[], sent: number): Promise<void> {
  const until = performance.now() + DRAIN_MS
  while (performance.now() < until && players.some(({ critical }) => critical.size < sent)) {
    await sleep(POLL_MS)
  }
}

function resultOf(
  fast: readonly Player[],
  slow: readonly Player[],
  sent: number,
  readings: Readings,
): TrialResult {
  const { rssStart, rssMax, maxBuffered, shed } = readings
  return {
    fast: groupOf(fast, sent, shed),
    slow: groupOf(slow, sent, shed),
    rss_mb: { start: megabytes(rssStart), max: megabytes(rssMax) },
    max_buffered_bytes: maxBuffered,
  }
}

function groupOf(players: readonly Player[], sent: number, shed: Readings['shed']): GroupResult {
  const sum = (of: (player: Player) => number): number =>
    players.reduce((total, player) => total + of(player), 0)
  return {
    clients: players.length,
    critical_ms: percentiles(players.flatMap(({ latencies }) => latencies)),
    critical_sent: sent * players.length,
    critical_received: sum(({ critical }) => critical.size),
    cosmetic_received: sum(({ cosmetic }) => cosmetic),
    cosmetic_shed: sum(({ ids }) => [...ids].reduce((total, id) => total + (shed[id] ?? 0), 0)),
    connections_lost: sum(({ lost }) => lost),
  }
}
