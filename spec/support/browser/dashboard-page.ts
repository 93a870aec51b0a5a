import type { Locator, Page, Route } from 'playwright-core'
import type { z } from 'zod'
import {
  type ClientStats,
  clientQueue,
  clientStats,
  clientsPage,
  closedPage,
  policyState,
  spillwayStats,
} from '../../../schemas/stats.ts'
import { type Browser, visit } from './browser.ts'
import { reads } from './browser-page.ts'

/** What the page asked and was told, by path and query below the prefix. */
export interface Dashboard {
  readonly page: Page
  /** The latest answer of each question. */
  readonly answers: ReadonlyMap<string, unknown>
  /** All questions, in order. */
  readonly asked: string[]
  /** Values of `authorization`, one a question. */
  readonly authorizations: Array<string | undefined>
  /** Addresses that are of another origin, and breaches of the content security policy. */
  readonly breaches: readonly string[]
  close(): Promise<void>
}

export interface DashboardOptions {
  readonly prefix?: string
  /** Changes an answer before the page gets it, or fails it. */
  readonly meddle?: (path: string, body: unknown) => unknown
  readonly setUp?: (page: Page) => Promise<void>
}

const SHAPES: ReadonlyArray<[RegExp, z.ZodType]> = [
  [/^$/, spillwayStats],
  [/^\/clients(\?|$)/, clientsPage],
  [/^\/clients\/[^/]+$/, clientStats],
  [/^\/clients\/[^/]+\/queue/, clientQueue],
  [/^\/closed/, closedPage],
  [/^\/policy$/, policyState],
]

/** Opens the page, and listens in on what it asks. */
export async function openDashboard(
  browser: Browser,
  url: string,
  { prefix = '/spillway', meddle = (_path, body) => body, setUp }: DashboardOptions = {},
): Promise<Dashboard> {
  const page = await browser.page()
  const answers = new Map<string, unknown>()
  const asked: string[] = []
  const authorizations: Array<string | undefined> = []
  const breaches: string[] = []
  const pathOf = (address: string): string => {
    const { pathname, search } = new URL(address)
    return pathname.slice(prefix.length).replace(/^\/$/, '') + search
  }
  page.on('request', (request) => {
    const address = request.url()
    if (!address.startsWith(`${url}/`) && !address.startsWith('data:')) breaches.push(address)
  })
  await page.addInitScript(`addEventListener('securitypolicyviolation', ({ violatedDirective }) =>
    console.error('content security policy: ' + violatedDirective))`)
  const isQuestion = ({ href }: URL): boolean =>
    href.startsWith(url + prefix) && !/^\/(ui|events)/.test(pathOf(href))
  await page.route(isQuestion, async (route: Route) => {
    const request = route.request()
    const path = pathOf(request.url())
    asked.push(path)
    authorizations.push(
      await request.headerValue('authorization').then((given) => given ?? undefined),
    )
    const response = await route.fetch({ maxRedirects: 0 })
    if (!response.ok() || response.status() === 204) return route.fulfill({ response })
    const body: unknown = await response.json()
    SHAPES.find(([shape]) => shape.test(path))?.[1].parse(body)
    const json = meddle(path, body)
    await route.fulfill({ response, json })
    answers.set(path, json)
  })
  await setUp?.(page)
  await visit(page, `${url}${prefix}/ui`)
  return {
    page,
    answers,
    asked,
    authorizations,
    breaches,
    async close() {
      if (page.isClosed()) return
      await page.unrouteAll({ behavior: 'ignoreErrors' })
      await page.close()
    },
  }
}

/** The text of an element, with single blanks. */
export async function wordsOf(locator: Locator): Promise<string> {
  return ((await locator.textContent()) ?? '').replaceAll(/\s+/g, ' ').trim()
}

/** Words by the name of the figure, of all figures in an element. */
export function figuresIn(page: Page, selector: string): Promise<Record<string, string>> {
  return page.evaluate(`Object.fromEntries(
    [...document.querySelectorAll(${JSON.stringify(`${selector} [data-figure]`)})]
      .map(({ dataset, textContent }) => [dataset.figure, textContent.trim()]))`)
}

/** The cells of the rows of a table, as text. */
export function rowsOf(page: Page, selector: string): Promise<string[][]> {
  return page.evaluate(`[...document.querySelectorAll(${JSON.stringify(`${selector} tbody tr`)})]
    .map((row) => [...row.children].map(({ innerText }) => innerText.trim()))`)
}

/** The figures of the rows of the table of clients, by the client's id. */
export async function clientRows(page: Page): Promise<Map<string, Record<string, string>>> {
  const rows: Array<Record<string, string>> = await page.evaluate(`
    [...document.querySelectorAll('#clients-table tbody tr')].map((row) => Object.fromEntries(
      [...row.querySelectorAll('[data-figure]')]
        .map(({ dataset, textContent, hidden }) => [dataset.figure, hidden ? '' : textContent])))`)
  return new Map(rows.map((row) => [row.id!, row]))
}

export const whole = (value: number): string => new Intl.NumberFormat('en').format(value)

export const shedOf = ({ dropped, conflated, expired }: ClientStats): number =>
  dropped.messages + conflated.messages + expired.messages

/** Whether a row tells of a client what its stats do, as exactly as it is written. */
export function agrees(row: Record<string, string>, client: ClientStats): boolean {
  const { state, congested, why, buffered, rtt, rate, wait, address } = client
  return (
    row.name === address &&
    row.state === state &&
    row.congested === (congested ? 'congested' : '') &&
    (row.why === why ||
      /^will be closed |of what it is offered$|^has not answered for/.test(row.why!)) &&
    reads(row.buffered, buffered) &&
    reads(row.rtt, rtt) &&
    (rate === null ? row.rate === '' : reads(row.rate?.replace('/s', ''), rate)) &&
    reads(row.wait, wait.critical) &&
    row.shed === whole(shedOf(client))
  )
}
