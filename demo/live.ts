import { UsageError } from './arguments.ts'
import { ModeSwitch } from './lobby/mode.ts'
import { Player } from './lobby/player.ts'
import { controlRoutes, type DemoControls, pageRoutes } from './lobby/routes.ts'
import { type Lobby, startLobby } from './lobby/server.ts'
import { startWifi, type Wifi } from './lobby/wifi.ts'

export interface LiveOptions {
  readonly port: number
  readonly seconds: number
}

export interface Live {
  readonly url: string
  close(): Promise<void>
}

/** Company for the two clients in the browser. */
const FAST_PLAYERS = 5
const SLOW_PLAYERS = 2
const WIFI_BYTES_PER_SECOND = 10_000

/** The lobby with its page, a slow link beside it, and a few simulated clients on both. */
export async function startLive({ port, seconds }: LiveOptions): Promise<Live> {
  let controls: DemoControls | undefined
  const lobby = await listen(port, () => controls!)
  const wifi = await startWifi({ target: lobby, bytesPerSecond: WIFI_BYTES_PER_SECOND })
  const mode = new ModeSwitch(lobby.app.spillway)
  controls = controlsOf(lobby, wifi, mode, seconds)
  const players: Player[] = []
  for (let index = 0; index < FAST_PLAYERS; index++) players.push(await Player.connect(lobby.url))
  for (let index = 0; index < SLOW_PLAYERS; index++) players.push(await Player.connect(wifi.url))
  controls.startLoad()
  return {
    url: lobby.url,
    async close() {
      mode.close()
      for (const player of players) player.close()
      await wifi.close()
      await lobby.close()
    },
  }
}

/** Runs until it is interrupted. */
export async function runLive(options: LiveOptions): Promise<void> {
  const live = await startLive(options)
  console.log(`Casino lobby on ${live.url} for ${options.seconds} s of load; end with Ctrl-C`)
  console.log(`Its dashboard: ${live.url}/spillway/ui`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      await live.close()
      process.exit()
    })
  }
}

async function listen(port: number, controls: () => DemoControls): Promise<Lobby> {
  try {
    return await startLobby({
      port,
      setup(app) {
        pageRoutes(app)
        controlRoutes(app, controls)
      },
    })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new UsageError(`--port: ${port} is taken; give another one`)
    }
    throw error
  }
}

function controlsOf(lobby: Lobby, wifi: Wifi, mode: ModeSwitch, seconds: number): DemoControls {
  return {
    mode,
    state() {
      const { low, high, limit } = lobby.app.spillway.limits
      return {
        ...mode.state,
        loadRunning: lobby.load?.running ?? false,
        watermarks: { low, high, limit },
        rss: process.memoryUsage.rss(),
        wifi: { url: wifi.url, bytesPerSecond: WIFI_BYTES_PER_SECOND },
      }
    },
    startLoad() {
      if (!lobby.load?.running) lobby.startLoad({ seconds })
    },
  }
}
