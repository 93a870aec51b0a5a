import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface DelayOptions {
  readonly target: { readonly host: string; readonly port: number }
  /** One way, in both directions. */
  readonly delayMs: number
  /** Most bytes under way in one direction; beyond that nothing is read. */
  readonly mostHeld: number
}

export interface Delay {
  readonly port: number
  close(): void
}

/**
 * A TCP proxy that makes the path longer, and neither slower nor more patient: it holds what is
 * under way and no more, so that a backlog stays where it would be without it.
 */
export async function startDelay(options: DelayOptions): Promise<Delay> {
  const open = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ ...options.target, noDelay: true })
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
    }
    forward(client, upstream, options)
    forward(upstream, client, options)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

/** Timers of one length run in the order in which they were set: so do the chunks, and the end. */
function forward(from: Socket, to: Socket, { delayMs, mostHeld }: DelayOptions): void {
  let held = 0
  const review = (): void => {
    if (held > mostHeld || to.writableNeedDrain) from.pause()
    else from.resume()
  }
  from.on('data', (bytes) => {
    held += bytes.length
    review()
    setTimeout(() => {
      held -= bytes.length
      if (to.writable) to.write(bytes)
      review()
    }, delayMs)
  })
  to.on('drain', review)
  from.once('end', () => setTimeout(() => to.end(), delayMs))
  from.once('error', () => to.destroy())
  from.once('close', () => setTimeout(() => to.destroySoon(), delayMs))
}
