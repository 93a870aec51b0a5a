import type { SpillwayPluginOptions } from '../../lib/index.ts'
import type { LobbyMessages } from '../lobby/messages.ts'
import { Player } from '../lobby/player.ts'
import { type Lobby, startLobby } from '../lobby/server.ts'
import { startWifi, type Wifi } from '../lobby/wifi.ts'

/** A lobby with something to see on its dashboard. */
export interface Scene {
  readonly lobby: Lobby
  close(): Promise<void>
}

interface Link {
  readonly players: number
  /** Without it, straight to the server. */
  readonly bytesPerSecond?: number
  readonly delayMs?: number
  readonly userAgent: string
}

const MOZILLA = 'Mozilla/5.0'
/** The last one is in a tunnel: it will be closed, and come back, and be closed. */
const LINKS: readonly Link[] = [
  { players: 12, userAgent: `${MOZILLA} (Windows NT 10.0; Win64; x64) Chrome/142.0` },
  { players: 7, userAgent: `${MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) Safari/26.1` },
  { players: 2, bytesPerSecond: 60_000, delayMs: 60, userAgent: `${MOZILLA} (Android 16) Chrome` },
  {
    players: 3,
    bytesPerSecond: 10_000,
    delayMs: 20,
    userAgent: `${MOZILLA} (iPad; iOS 26) Safari`,
  },
  {
    players: 1,
    bytesPerSecond: 200,
    delayMs: 300,
    userAgent: `${MOZILLA} (iPhone; iOS 26) Safari`,
  },
]

export async function startScene(
  options: Omit<SpillwayPluginOptions<LobbyMessages>, 'io' | 'server'> = {},
): Promise<Scene> {
  const lobby = await startLobby({
    spillway: { admin: { auth: false, changeAuth: false }, ...options },
  })
  const players: Player[] = []
  const wifis: Wifi[] = []
  for (const { players: many, bytesPerSecond, delayMs = 0, userAgent } of LINKS) {
    for (let n = 0; n < many; n++) {
      const localAddress = `127.20.${players.length % 4}.${11 + 7 * players.length}`
      if (bytesPerSecond === undefined) {
        players.push(await Player.connect(lobby.url, { userAgent, localAddress }))
        continue
      }
      const wifi = await startWifi({ target: lobby, bytesPerSecond, delayMs, localAddress })
      wifis.push(wifi)
      players.push(await Player.connect(wifi.url, { userAgent }))
    }
  }
  lobby.startLoad({ seconds: 600 })
  return {
    lobby,
    async close() {
      for (const player of players) player.close()
      for (const wifi of wifis) await wifi.close()
      await lobby.close()
    },
  }
}
