import type { Page } from 'playwright-core'
import { type ClientStats, clientStats } from '../../../schemas/stats.ts'

/** The demo page, as a visitor reads it. */

/** Words of one panel by the name of the figure. */
export type Figures = Readonly<Record<string, string>>

/** All figures of a panel at one instant. */
export function figuresOf(page: Page, panel: number): Promise<Figures> {
  return page.evaluate<Figures>(`Object.fromEntries(
    [...document.querySelectorAll('.panel')[${panel}].querySelectorAll('[data-figure]')]
      .map(({ dataset, textContent }) => [dataset.figure, textContent]))`)
}

/** The latest answers that the page got about its clients, by the id that it asked for. */
export async function follow(page: Page): Promise<ReadonlyMap<string, ClientStats>> {
  const answers = new Map<string, ClientStats>()
  await page.route('**/spillway/clients/*', async (route) => {
    const response = await route.fetch()
    const id = new URL(route.request().url()).pathname.split('/').at(-1)!
    if (response.ok()) answers.set(id, clientStats.parse(await response.json()))
    await route.fulfill({ response })
  })
  return answers
}

/** Whether a panel tells of a client what its stats do, as exactly as it is written. */
export function agrees(figures: Figures, stats: ClientStats): boolean {
  const { state, congested, why, buffered, inFlight, window, rtt, minRtt, rate, wait } = stats
  return (
    figures.state === (congested ? `${state}, congested` : state) &&
    figures.why!.startsWith(why) &&
    reads(figures.buffered, buffered) &&
    reads(figures.inFlight, inFlight) &&
    reads(figures.window, window) &&
    reads(figures.rtt, rtt) &&
    reads(figures.minRtt, minRtt) &&
    reads(figures.rate?.replace(/\/s$/, ''), rate) &&
    reads(figures.waitCritical, wait.critical) &&
    reads(figures.waitCosmetic, wait.cosmetic)
  )
}

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  ms: 1,
  s: 1000,
}

/** Whether words such as `1.5 KiB` or `20 ms` are the given number, rounded. */
export function reads(words: string | undefined, value: number | null): boolean {
  if (words === '–') return value === null
  if (words === '< 1 ms') return value !== null && value < 1
  const [, digits, decimals = '', unit = ''] = /^(\d+\.?(\d*)) (\w+)$/.exec(words ?? '') ?? []
  const scale = UNITS[unit]
  if (digits === undefined || scale === undefined || value === null) return false
  const half = 0.5001 * 10 ** -decimals.length
  return Math.abs(value / scale - Number(digits)) <= half
}
