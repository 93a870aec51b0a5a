import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const INTERVAL = 10

/** Stands between clients and a server, and passes on what the server sends at some rate. */
export class SlowProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  /** @param rate in bytes a second, of each connection */
  static async to(port: number, rate: number): Promise<SlowProxy> {
    const server = createServer()
    const proxy = new SlowProxy(server)
    server.on('connection', (client) => proxy.#join(client, connect(port, '127.0.0.1'), rate))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #join(client: Socket, server: Socket, rate: number): void {
    const share = (rate * INTERVAL) / 1000
    let left = 0
    const refill = setInterval(() => {
      left = Math.min(left + share, share)
      if (left >= 0) server.resume()
    }, INTERVAL)
    client.pipe(server)
    server.on('data', (data) => {
      client.write(data)
      left -= data.length
      if (left < 0) server.pause()
    })
    const end = (): void => {
      clearInterval(refill)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', end)
      socket.on('close', end)
    }
  }
}
