import type { Lobby } from '../lobby/server.ts'

/** What is watched of a server while it is under load. */
export interface Readings {
  readonly rssStart: number
  readonly rssMax: number
  /** The most that was buffered for any one client, in bytes. */
  readonly maxBuffered: number
  /** Cosmetic messages that were shed, by the Socket.IO id of the client. */
  readonly shed: Readonly<Record<string, number>>
}

export interface Meter {
  read(): Readings
  stop(): void
}

const INTERVAL_MS = 200

/** Samples memory and backlogs until it is stopped. */
export function startMeter(lobby: Lobby): Meter {
  const rssStart = process.memoryUsage.rss()
  const shed: Record<string, number> = {}
  let rssMax = rssStart
  let maxBuffered = 0

  function sample(): void {
    rssMax = Math.max(rssMax, process.memoryUsage.rss())
    if (!lobby.app.hasDecorator('spillway')) {
      maxBuffered = Math.max(maxBuffered, ...plainBacklogs(lobby))
      return
    }
    for (const client of lobby.app.spillway.clients()) {
      maxBuffered = Math.max(maxBuffered, client.buffered)
      const { dropped, conflated, expired } = client
      const id = client.sockets['/']
      if (id) shed[id] = dropped.messages + conflated.messages + expired.messages
    }
  }

  const timer = setInterval(sample, INTERVAL_MS)
  return {
    read() {
      sample()
      return { rssStart, rssMax, maxBuffered, shed }
    },
    stop: () => clearInterval(timer),
  }
}

/** The parts of an Engine.IO connection that hold what the kernel has not taken. */
interface Connection {
  readonly writeBuffer: ReadonlyArray<{ readonly data?: { readonly length: number } }>
  readonly transport: { readonly socket?: { readonly bufferedAmount: number } }
}

/** Bytes in the server's own memory for each client, as far as Node can tell. */
function plainBacklogs({ io }: Lobby): number[] {
  const clients = Reflect.get(io.engine, 'clients') as Record<string, Connection>
  return Object.values(clients).map(({ writeBuffer, transport }) => {
    const inTransport = transport.socket?.bufferedAmount ?? 0
    return writeBuffer.reduce((sum, { data }) => sum + (data?.length ?? 0), inTransport)
  })
}
