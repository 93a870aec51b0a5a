import type { Page } from 'playwright-core'
import type { SpillwayPluginOptions } from '../../../lib/plugin-options.ts'
import { messages } from '../messages.ts'
import { type AppFixture, startApp } from '../servers/app.ts'
import { type Browser, openBrowser, reached } from './browser.ts'
import { type Dashboard, type DashboardOptions, openDashboard } from './dashboard-page.ts'

/** One browser for all tests of a suite, and an app and a page for each. */
export class Stage {
  fixture!: AppFixture
  dashboard!: Dashboard
  #browser!: Browser

  /** Inside a suite, which gets the hooks. */
  constructor() {
    before(async () => {
      this.#browser = await openBrowser()
    })
    afterEach(async () => {
      await this.dashboard?.close()
      // Chromium may have opened one ahead of any request, for which a server that closes waits a minute
      this.fixture.http.closeAllConnections()
      await this.fixture.close()
    })
    after(() => this.#browser.close())
  }

  get page(): Page {
    return this.dashboard.page
  }

  async start(
    admin: Partial<SpillwayPluginOptions['admin']> = {},
    options: SpillwayPluginOptions = {},
  ): Promise<void> {
    this.fixture = await startApp({ messages, admin: { auth: false, ...admin }, ...options })
  }

  async open(options: DashboardOptions & { readonly url?: string } = {}): Promise<void> {
    this.dashboard = await openDashboard(this.#browser, options.url ?? this.fixture.url, options)
  }

  async overview(): Promise<void> {
    await reached('the overview', () => this.page.locator('#overview').isVisible())
  }

  /** What went wrong since the last time, but for answers of the given codes. */
  troubles(...codes: number[]): string[] {
    const all = (this.#browser.troubles as string[]).splice(0)
    return all.filter((words) => !codes.some((code) => words.includes(` status of ${code} `)))
  }
}
