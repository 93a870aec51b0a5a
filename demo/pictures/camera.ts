import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page, ViewportSize } from 'playwright-core'
import { openChromium } from './chromium.ts'

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url))

/** Takes pictures, by default for the documentation. */
export interface Camera {
  open(url: string, viewport: ViewportSize): Promise<Page>
  /** @param file in the folder */
  take(page: Page, file: string, options?: { readonly fullPage: boolean }): Promise<void>
  close(): Promise<void>
}

/** What goes wrong in a page fails the process. */
export async function openCamera(folder = DOCS): Promise<Camera> {
  const { context, close } = await openChromium()
  return {
    async open(url, viewport) {
      const page = await context.newPage()
      await page.setViewportSize(viewport)
      reportTroubles(page)
      await page.goto(url)
      return page
    },
    async take(page, file, options = { fullPage: true }) {
      const path = join(folder, file)
      await page.screenshot({ path, ...options })
      console.log(path)
    },
    close,
  }
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
