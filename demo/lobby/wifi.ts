import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface WifiOptions {
  readonly target: { readonly host: string; readonly port: number }
  /** Towards the client, for each connection. The other direction is not slowed down. */
  readonly bytesPerSecond: number
  /** One way, in both directions. Default 0. */
  readonly delayMs?: number
  /** Default 0: any free port. */
  readonly port?: number
  /** What the server sees as the client's address. */
  readonly localAddress?: string
}

export interface Wifi {
  readonly port: number
  readonly url: string
  /** Cuts all connections. */
  close(): Promise<void>
}

/** A slice of the rate small enough that a message trickles in, as it does over the air. */
const SLICES_PER_SECOND = 50
const MIN_READ = 256
const MAX_READ = 64 * 1024

/**
 * A TCP proxy that plays a slow link. It takes from the server only what it may forward at once,
 * so that everything else stays in the server's kernel and, when that is full, in its memory.
 */
export async function startWifi(options: WifiOptions): Promise<Wifi> {
  const open = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = relay(client, options)
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

/** @returns the connection to the server */
function relay(client: Socket, options: WifiOptions): Socket {
  const { target, bytesPerSecond, delayMs = 0, localAddress } = options
  const slice = Math.floor(bytesPerSecond / SLICES_PER_SECOND)
  let freeAt = 0

  /** Sends one read on its way, and reads on when the air is free again. */
  async function transmit(bytes: Buffer): Promise<void> {
    const now = performance.now()
    freeAt = Math.max(freeAt, now) + (bytes.length / bytesPerSecond) * 1000
    await sleep(freeAt - now, undefined, { ref: false })
    later(delayMs, () => client.writable && client.write(bytes))
    if (client.writableNeedDrain) client.once('drain', () => upstream.resume())
    else upstream.resume()
  }

  const upstream = connect({
    host: target.host,
    port: target.port,
    noDelay: true,
    ...(localAddress !== undefined && { localAddress }),
    onread: {
      buffer: Buffer.alloc(Math.min(MAX_READ, Math.max(MIN_READ, slice))),
      callback(length, buffer) {
        void transmit(Buffer.from(buffer.subarray(0, length)))
        return false // nothing more is read until then
      },
    },
  })

  client.on('data', (bytes) => {
    later(delayMs, () => upstream.writable && upstream.write(bytes))
    if (!upstream.writableNeedDrain) return
    client.pause()
    upstream.once('drain', () => client.resume())
  })
  join(client, upstream, delayMs)
  join(upstream, client, delayMs)
  return upstream
}

/** What ends or fails on one side does so on the other. */
function join(from: Socket, to: Socket, delayMs: number): void {
  from.once('end', () => later(delayMs, () => to.end()))
  from.once('error', () => to.destroy())
  from.once('close', () => later(delayMs, () => to.destroySoon()))
}

function later(delayMs: number, action: () => void): void {
  if (delayMs > 0) setTimeout(action, delayMs).unref()
  else action()
}
