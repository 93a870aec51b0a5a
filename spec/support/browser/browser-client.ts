import type { FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'

/** A page that is only a client, and keeps the numbers of the critical messages that it got. */

export interface Seen {
  readonly id: string | null
  readonly transport: string | null
  readonly critical: readonly number[]
  readonly cosmetic: number
  readonly disconnects: number
}

const PATH = '/client'
const HTML = `<!doctype html>
<title>Client</title>
<link rel="icon" href="data:,">
<script src="/socket.io/socket.io.js"></script>
<script>
  const seen = { id: null, transport: null, critical: [], cosmetic: 0, disconnects: 0 }
  let socket
  function open(url, transports) {
    socket = io(url, { transports })
    socket.on('connect', () => {
      const { engine } = socket.io
      seen.id = socket.id
      seen.transport = engine.transport.name
      engine.on('upgrade', ({ name }) => { seen.transport = name })
    })
    socket.on('disconnect', () => seen.disconnects++)
    socket.onAny((_event, { seq }) => {
      if (seq === undefined) seen.cosmetic++
      else seen.critical.push(seq)
    })
  }
  function block(milliseconds) {
    for (const end = performance.now() + milliseconds; performance.now() < end; );
  }
</script>`

export function clientRoute(app: FastifyInstance): void {
  app.get(PATH, async (_request, reply) => reply.type('text/html; charset=utf-8').send(HTML))
}

export class BrowserClient {
  readonly #page: Page

  /** @param from where the page itself is loaded from, past any slow link */
  static async open(page: Page, from: string): Promise<BrowserClient> {
    await page.goto(from + PATH)
    return new BrowserClient(page)
  }

  private constructor(page: Page) {
    this.#page = page
  }

  async connect(url: string, transports: readonly string[]): Promise<void> {
    await this.#page.evaluate(`open(${JSON.stringify(url)}, ${JSON.stringify(transports)})`)
  }

  seen(): Promise<Seen> {
    return this.#page.evaluate<Seen>('seen')
  }

  async disconnect(): Promise<void> {
    await this.#page.evaluate('void socket.disconnect()')
  }

  /** Keeps the main thread of the page busy. */
  async block(milliseconds: number): Promise<void> {
    await this.#page.evaluate(`block(${milliseconds})`)
  }
}
