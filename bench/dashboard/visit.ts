import { mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { percentiles } from '../../demo/headless/figures.ts'
import { type Camera, openCamera } from '../../demo/pictures/camera.ts'
import type { ClientsPage } from '../../schemas/stats.ts'
import { reached } from '../../spec/support/browser/browser.ts'
import { clientRows, figuresIn } from '../../spec/support/browser/dashboard-page.ts'
import { round } from '../harness/statistics.ts'
import { userAgentOf } from '../lobby/kind.ts'
import { HEALTHY_SHARE } from '../lobby/trial.ts'
import { difference, type Told, toldTo } from './told.ts'

export interface Visit {
  readonly shown: {
    readonly connected: string
    readonly congested: string
    readonly first: string
    readonly verdict: string
  }
  readonly page_load: {
    readonly ms: Figures
    readonly files: number
    readonly kb: number
  }
  /** From question to the end of the answer, as the browser measures it, by route. */
  readonly refresh: Readonly<Record<string, { readonly asked: number; readonly ms: Figures }>>
  readonly longest_task_ms: number
}

type Figures = ReturnType<typeof percentiles>

export interface VisitOptions {
  readonly port: number
  /** Of the load. */
  readonly seconds: number
  /** A folder for pictures. */
  readonly pictures: string | undefined
  readonly signal: AbortSignal
}

const DESK = { width: 1280, height: 940 }
const PHONE = { width: 390, height: 844 }
const AFTER_CUT_MS = 2000
/** Times that the page is loaded. */
const LOADS = 5
const WITHIN_MS = 30_000
/** Before the load ends; checks and pictures take a few seconds each. */
const BEFORE_END_MS = 45_000
/** Of those that have stopped reading, many are closed and come back at the same times. */
const TROUBLE_MS = 25_000

/** Looks at the dashboard from when some are in trouble until shortly before the load ends. */
export async function visitDashboard(options: VisitOptions): Promise<Visit> {
  const { port, seconds, pictures, signal } = options
  const startedAt = performance.now()
  const url = `http://127.0.0.1:${port}/spillway/ui`
  if (pictures !== undefined) await mkdir(pictures, { recursive: true })
  const camera = await openCamera(pictures)
  try {
    const page = await camera.open('about:blank', DESK)
    await page.addInitScript(MEASURE)
    const told = toldTo(page)
    // a browser gives up what it is loading when an interface is cut
    const cutAt = startedAt + seconds * 1000 * HEALTHY_SHARE + AFTER_CUT_MS
    await sleep(Math.max(0, cutAt - performance.now()), undefined, { signal })
    const page_load = await measureLoads(page, url)
    await page.goto(url)
    await page.locator(ROW).first().waitFor({ timeout: WITHIN_MS })
    await page.evaluate('spillwayTasks.length = 0')
    const others = pictures === undefined ? undefined : await openOthers(camera, url)
    const left = startedAt + seconds * 1000 - BEFORE_END_MS - performance.now()
    await sleep(Math.max(0, left), undefined, { signal })
    const trouble = page.locator('#verdict', { hasText: 'has not answered' })
    await trouble.waitFor({ timeout: TROUBLE_MS })
    await check(page, told, `${url.replace('/ui', '')}/clients?sort=worst&limit=10`)
    const shown = await read(page)
    const measured = await figuresOf(page)
    if (others) await takePictures(camera, { page, ...others })
    return { shown, page_load, ...measured }
  } finally {
    await camera.close()
  }
}

const NOT_READING = [userAgentOf('stopped'), userAgentOf('vanishing')]
const ROW = '#clients-table tbody tr'

/** Of all requests and of the tasks that hold the page up, before anything else runs. */
const MEASURE = `
  performance.setResourceTimingBufferSize(100_000)
  globalThis.spillwayTasks = []
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) spillwayTasks.push(duration)
  }).observe({ type: 'longtask', buffered: true })`

async function measureLoads(page: Page, url: string): Promise<Visit['page_load']> {
  const took: number[] = []
  let sizes: readonly number[] = []
  for (let n = 0; n < LOADS; n++) {
    await page.goto(url, { waitUntil: 'commit' })
    const ms: number = await page.evaluate(`new Promise((resolve) => {
      const look = () => document.querySelector('${ROW}')
        ? resolve(performance.now())
        : requestAnimationFrame(look)
      look()
    })`)
    took.push(ms)
    // later ones are answered from the cache
    if (n === 0) sizes = await page.evaluate(FILE_SIZES)
  }
  const kb = round(sizes.reduce((sum, size) => sum + size, 0) / 1000, 0)
  return { ms: rounded(took), files: sizes.length, kb }
}

const FILE_SIZES = `performance.getEntriesByType('resource')
  .filter(({ name }) => /\\/ui\\//.test(name)).map(({ transferSize }) => transferSize)`

/** @throws Error if the page and what it was told, or what another reader is told, never agree */
async function check(page: Page, told: Told, question: string): Promise<void> {
  let left = 'nothing was told'
  await reached(
    'a page that says what it was told',
    async () => {
      left = await difference(page, told)
      return left === ''
    },
    WITHIN_MS,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; it differs in ${left}`)
  })
  await reached(
    'first on the page who is first in the API, and does not read',
    async () => {
      const { clients } = (await (await fetch(question)).json()) as ClientsPage
      const [first] = (await clientRows(page)).values()
      return first?.id === clients[0]?.id && NOT_READING.includes(first?.agent ?? '')
    },
    WITHIN_MS,
  )
}

async function read(page: Page): Promise<Visit['shown']> {
  const { connected = '', congested = '' } = await figuresIn(page, '#totals')
  const [row] = (await clientRows(page)).values()
  const first = `${row?.name} ${row?.agent}, ${row?.why}`
  // without what is hidden
  const [words = ''] = await page.locator('#verdict').allInnerTexts()
  const verdict = words.replaceAll(/\s+/g, ' ')
  return { connected, congested, first, verdict }
}

async function figuresOf(page: Page): Promise<Pick<Visit, 'refresh' | 'longest_task_ms'>> {
  const entries: Array<[route: string, ms: number]> = await page.evaluate(`
    performance.getEntriesByType('resource')
      .filter(({ name }) => !/\\/(ui|events)/.test(new URL(name).pathname))
      .map(({ name, duration }) => [name.replace(/^.*\\/spillway/, ''), duration])`)
  const byRoute = new Map<string, number[]>()
  for (const [route, ms] of entries) byRoute.set(route, [...(byRoute.get(route) ?? []), ms])
  const refresh = Array.from(byRoute, ([route, took]) => [
    route,
    { asked: took.length, ms: rounded(took) },
  ])
  const longest: number = await page.evaluate('Math.max(0, ...spillwayTasks)')
  return { refresh: Object.fromEntries(refresh), longest_task_ms: round(longest, 0) }
}

interface Others {
  readonly phone: Page
  readonly client: Page
}

/** Early, so that the charts are full: a client's begins when its page is opened. */
async function openOthers(camera: Camera, url: string): Promise<Others> {
  const phone = await camera.open(url, PHONE)
  const id = await slowOne(`${url.replace('/ui', '')}/clients?sort=rtt&limit=200`)
  return { phone, client: await camera.open(`${url}#/clients/${id}`, DESK) }
}

/** Behind those that answer nothing any more, the longest round trips are those of the slow. */
async function slowOne(question: string): Promise<string> {
  for (let next: string | null = '', page = 0; next !== null && page < MOST_PAGES; page++) {
    const answer = await fetch(next === '' ? question : `${question}&cursor=${next}`)
    const { clients, next: following } = (await answer.json()) as ClientsPage
    const slow = clients.find(({ userAgent }) => userAgent === userAgentOf('slow'))
    if (slow) return slow.id
    next = following
  }
  throw new Error('no slow client is listed')
}

const MOST_PAGES = 70

async function takePictures(
  camera: Camera,
  { page, phone, client }: Others & { readonly page: Page },
): Promise<void> {
  await camera.take(page, 'dashboard-lobby.png', { fullPage: false })
  await camera.take(phone, 'dashboard-lobby-phone.png', { fullPage: false })
  await camera.take(client, 'dashboard-lobby-client.png')
  await page.emulateMedia({ colorScheme: 'dark' })
  await sleep(1000) // one more round of figures, in other colours
  await camera.take(page, 'dashboard-lobby-dark.png')
}

function rounded(values: readonly number[]): Figures {
  const each = (value: number | null) => (value === null ? null : round(value, 0))
  const { p50, p99, max } = percentiles(values)
  return { p50: each(p50), p99: each(p99), max: each(max) }
}
