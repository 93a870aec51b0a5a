import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import { CHROMIUM, QUIET } from './chromium.ts'
import { startLive } from './live.ts'

/** Takes the pictures of the demo that the documentation shows. */

interface Picture {
  readonly file: string
  readonly colorScheme: 'light' | 'dark'
}

const VIEWPORT = { width: 1200, height: 1000 }
const PICTURES: readonly Picture[] = [
  { file: 'demo.png', colorScheme: 'light' },
  { file: 'demo-dark.png', colorScheme: 'dark' },
]
/** Enough for the charts to be full. */
const UNDER_LOAD_MS = 62_000

const live = await startLive({ port: 0, seconds: 120 })
const profile = await mkdtemp(join(tmpdir(), 'lobby-'))
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: CHROMIUM,
  args: QUIET,
  viewport: VIEWPORT,
})
try {
  const page = await browser.newPage()
  reportTroubles(page)
  await page.goto(live.url)
  await sleep(UNDER_LOAD_MS)
  for (const { file, colorScheme } of PICTURES) {
    await page.emulateMedia({ colorScheme })
    await sleep(1000) // one more round of figures
    const path = fileURLToPath(new URL(`../docs/${file}`, import.meta.url))
    await page.screenshot({ path, fullPage: true })
    console.log(path)
  }
} finally {
  await browser.close()
  await live.close()
  await rm(profile, { recursive: true, force: true })
}

function reportTroubles(page: Page): void {
  page.on('pageerror', (error) => {
    console.error(error)
    process.exitCode = 1
  })
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(message.text())
  })
}
