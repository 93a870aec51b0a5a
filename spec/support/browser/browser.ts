import { setTimeout as sleep } from 'node:timers/promises'
import type { Page, WebSocket } from 'playwright-core'
import { openChromium } from '../../../demo/pictures/chromium.ts'

/** Chromium with a profile of its own, and what went wrong in its pages. */
export interface Browser {
  /** Uncaught errors and errors on the console of all pages. */
  readonly troubles: readonly string[]
  page(): Promise<Page>
  close(): Promise<void>
}

export async function openBrowser(): Promise<Browser> {
  const { context, close } = await openChromium()
  const troubles: string[] = []
  return {
    troubles,
    async page() {
      const page = await context.newPage()
      page.on('pageerror', (error) => troubles.push(error.message))
      page.on('console', (message) => {
        const isError = message.type() === 'error'
        if (isError && !message.text().includes(NETWORK_CHANGED)) troubles.push(message.text())
      })
      return page
    },
    close,
  }
}

/** Chromium gives up all requests when any network interface of the machine comes or goes. */
const NETWORK_CHANGED = 'net::ERR_NETWORK_CHANGED'

/** Goes to an address, again if the machine's network changed meanwhile. */
export async function visit(page: Page, url: string): Promise<void> {
  let again = true
  page.on('requestfailed', (request) => {
    again ||= request.failure()?.errorText === NETWORK_CHANGED
  })
  for (let n = 0; n < MOST_VISITS && again; n++) {
    again = false
    await page.goto(url).catch((error: Error) => {
      if (!error.message.includes(NETWORK_CHANGED)) throw error
      again = true
    })
  }
}

const MOST_VISITS = 5

/** One WebSocket of a page, as the browser saw its frames: the page's own code is not asked. */
export class Wire {
  readonly origin: string
  /** The Socket.IO id that the server gave. */
  id: string | undefined
  open = true
  /** Numbers of the critical messages, as they came. */
  readonly critical: number[] = []
  frames = 0

  constructor(socket: WebSocket) {
    this.origin = new URL(socket.url()).origin.replace(/^ws/, 'http')
    socket.on('framereceived', ({ payload }) => this.#onFrame(String(payload)))
    socket.on('close', () => {
      this.open = false
    })
  }

  #onFrame(frame: string): void {
    this.id ??= /^40\{"sid":"([^"]+)"/.exec(frame)?.[1]
    if (!frame.startsWith('42')) return
    const [event, message] = JSON.parse(frame.slice(2)) as [string, { readonly seq?: number }]
    if (message.seq !== undefined) this.critical.push(message.seq)
    if (event === 'reel:frame') this.frames++
  }
}

/** All WebSockets that a page opens from now on. */
export function wiresOf(page: Page): Wire[] {
  const wires: Wire[] = []
  page.on('websocket', (socket) => wires.push(new Wire(socket)))
  return wires
}

/** Waits for what a page or a server comes to; bounded, so that it can fail. */
export async function reached(
  what: string,
  test: () => boolean | Promise<boolean>,
  within = 20_000,
): Promise<void> {
  for (const end = performance.now() + within; !(await test()); await sleep(20)) {
    if (performance.now() > end) throw new Error(`not within ${within} ms: ${what}`)
  }
}

/** The whole numbers of a range, both ends included. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
