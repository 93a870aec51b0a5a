import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A path between a server and its clients. What is left out is as on a loopback. */
export interface Path {
  /** Of the bottleneck, to the client and for each connection. The other way is not limited. */
  readonly bytesPerSecond?: number
  /** One way, in both directions. */
  readonly delayMs?: number
  /** Each portion is up to so much later, in both directions; the order stays. */
  readonly jitterMs?: number
  /** Portions are let through every so many milliseconds only, in both directions. */
  readonly bunchMs?: number
}

/** What the bottleneck sends at once. Without one, a portion is what one read brings. */
const PACKET = 1448
/** Read ahead of the bottleneck: the rest stays in the server's kernel and, beyond it, its memory. */
const AHEAD_MS = 20
/** Under way in one direction, as Linux lets a receive buffer grow (`net.ipv4.tcp_rmem`). */
const MOST_UNDER_WAY = 6 * 1024 * 1024

/** A TCP relay that plays a path, and can change to another one while clients are connected. */
export class PathRelay {
  readonly #server: Server
  readonly #ways = new Set<Way>()
  readonly #sockets = new Set<Socket>()
  #path: Path

  private constructor(server: Server, path: Path) {
    this.#server = server
    this.#path = path
  }

  static async to(target: { host: string; port: number }, path: Path): Promise<PathRelay> {
    const server = createServer({ noDelay: true })
    const relay = new PathRelay(server, path)
    server.on('connection', (client) =>
      relay.#join(client, connect({ host: target.host, port: target.port, noDelay: true })),
    )
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return relay
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Of all connections, from now on; what is under way arrives as it would have. */
  set path(path: Path) {
    this.#path = path
    for (const way of this.#ways) way.change(path)
  }

  /** Cuts all connections. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #join(client: Socket, upstream: Socket): void {
    const ways = [
      new Way(client, upstream, { isLimited: false }, this.#path),
      new Way(upstream, client, { isLimited: true }, this.#path),
    ]
    for (const way of ways) this.#ways.add(way)
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        if (!client.closed || !upstream.closed) return
        for (const way of ways) {
          way.end()
          this.#ways.delete(way)
        }
      })
    }
  }
}

interface Portion {
  /** When it would arrive, unless the one before it is later. */
  readonly at: number
  /** `undefined` is the end of the connection. */
  readonly bytes: Buffer | undefined
}

/** One direction of one connection. */
class Way {
  readonly #from: Socket
  readonly #to: Socket
  readonly #isLimited: boolean
  /** When bunches leave, of their interval: the two directions have different ones. */
  readonly #phase = Math.random()
  #path: Path
  /** In front of the bottleneck. */
  readonly #queue: Buffer[] = []
  #queued = 0
  /** When the bottleneck has sent the first of them. */
  #sentAt = 0
  #isOver = false
  /** Behind it. */
  readonly #underWay: Portion[] = []
  #bytesUnderWay = 0
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, { isLimited }: { isLimited: boolean }, path: Path) {
    this.#from = from
    this.#to = to
    this.#isLimited = isLimited
    this.#path = path
    from.on('data', (bytes) => this.#take(bytes))
    from.once('error', () => to.destroy())
    // behind everything that is still to come
    from.once('close', () => {
      this.#isOver = true
      this.#run()
    })
    to.on('drain', () => this.#review())
  }

  change(path: Path): void {
    this.#path = path
    this.#run()
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  /** Bytes a millisecond. */
  get #rate(): number {
    const { bytesPerSecond = Number.POSITIVE_INFINITY } = this.#path
    return this.#isLimited ? bytesPerSecond / 1000 : Number.POSITIVE_INFINITY
  }

  #take(bytes: Buffer): void {
    const portion = this.#rate === Number.POSITIVE_INFINITY ? bytes.length : PACKET
    const wasIdle = this.#queue.length === 0
    for (let at = 0; at < bytes.length; at += portion) {
      this.#queue.push(bytes.subarray(at, at + portion))
    }
    this.#queued += bytes.length
    if (wasIdle) this.#sentAt = performance.now() + this.#queue[0]!.length / this.#rate
    this.#run()
  }

  /** Does what is due. A timer that was late changes nothing of when the bottleneck has sent what. */
  #run(): void {
    const now = performance.now()
    while (this.#queue.length > 0 && this.#sentAt <= now) {
      const bytes = this.#queue.shift()!
      this.#queued -= bytes.length
      this.#leave(bytes, this.#sentAt)
      if (this.#queue.length > 0) this.#sentAt += this.#queue[0]!.length / this.#rate
    }
    if (this.#isOver && this.#queue.length === 0) {
      this.#isOver = false
      this.#leave(undefined, now)
    }
    while (this.#underWay.length > 0 && this.#underWay[0]!.at <= now) {
      const { bytes } = this.#underWay.shift()!
      this.#bytesUnderWay -= bytes?.length ?? 0
      if (bytes === undefined) this.#to.destroySoon()
      else if (this.#to.writable) this.#to.write(bytes)
    }
    this.#review()
    this.#schedule(now)
  }

  #leave(bytes: Buffer | undefined, now: number): void {
    const { delayMs = 0, jitterMs = 0, bunchMs = 0 } = this.#path
    let at = now + delayMs + Math.random() * jitterMs
    if (bunchMs > 0) {
      const phase = this.#phase * bunchMs
      at = Math.ceil((at - phase) / bunchMs) * bunchMs + phase
    }
    this.#underWay.push({ at, bytes })
    this.#bytesUnderWay += bytes?.length ?? 0
  }

  #schedule(now: number): void {
    clearTimeout(this.#timer)
    if (this.#to.closed) return
    const sent = this.#queue.length > 0 ? this.#sentAt : Number.POSITIVE_INFINITY
    const due = Math.min(sent, this.#underWay[0]?.at ?? Number.POSITIVE_INFINITY)
    if (due < Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(() => this.#run(), Math.max(1, Math.ceil(due - now)))
    }
  }

  /** Reads only what the path has room for. */
  #review(): void {
    const isFull =
      this.#queued > Math.max(PACKET, this.#rate * AHEAD_MS) ||
      this.#bytesUnderWay > MOST_UNDER_WAY ||
      this.#to.writableNeedDrain
    if (isFull) this.#from.pause()
    else this.#from.resume()
  }
}
