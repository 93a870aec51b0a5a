import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import type { onRequestAsyncHookHandler } from 'fastify'
import type { Page } from 'playwright-core'
import { z } from 'zod'
import type { SpillwayPluginOptions } from '../lib/plugin.ts'
import { cosmetic } from '../schemas/priority.ts'
import type { ClientStats } from '../schemas/stats.ts'
import { type AppFixture, startApp } from './support/app.ts'
import { type Browser, openBrowser, reached } from './support/browser.ts'
import {
  clientRows,
  type Dashboard,
  type DashboardOptions,
  openDashboard,
  rowsOf,
  wordsOf,
} from './support/dashboard-page.ts'
import { messages } from './support/messages.ts'

const LIMIT_MS = 60_000
const TOKEN = 's3cret-Token_4711'
/** Would do something if it were taken for HTML. */
const HOSTILE = `<img src="/x" onerror="document.title='pwned'"><script>document.title='pwned'</script>`
const UNSEEN = '\u0000\u001b[2J\u0007\u0085\u202e\u2028\ufeff'

describe('The page of the dashboard', function () {
  this.timeout(LIMIT_MS)

  let browser: Browser
  let fixture: AppFixture
  let dashboard: Dashboard

  const page = (): Page => dashboard.page

  async function start(
    admin: Partial<SpillwayPluginOptions['admin']> = {},
    options: SpillwayPluginOptions = {},
  ): Promise<void> {
    fixture = await startApp({ messages, admin: { auth: false, ...admin }, ...options })
  }

  async function open(options: DashboardOptions & { url?: string } = {}): Promise<void> {
    dashboard = await openDashboard(browser, options.url ?? fixture.url, options)
  }

  const overview = () => reached('the overview', () => page().locator('#overview').isVisible())

  before(async () => {
    browser = await openBrowser()
  })

  afterEach(async () => {
    await dashboard?.close()
    await fixture.close()
  })

  after(() => browser.close())

  /** What went wrong since the last time, but for answers of the given codes. */
  function troubles(...codes: number[]): string[] {
    const all = (browser.troubles as string[]).splice(0)
    return all.filter((words) => !codes.some((code) => words.includes(` status of ${code} `)))
  }

  describe('is served', () => {
    const get = (path: string, headers: Record<string, string> = {}) =>
      fetch(fixture.url + path, { headers, redirect: 'manual' })

    it('to whoever asks, with headers that let it do nothing else', async () => {
      await start({ auth: async (_request, reply) => reply.code(401).send('no') })
      expect((await get('/spillway')).status).to.equal(401)
      for (const path of ['/spillway/ui', '/spillway/ui/', '/spillway/ui/page.js']) {
        const { status, headers } = await get(path)
        expect(status, path).to.equal(200)
        expect(headers.get('x-content-type-options')).to.equal('nosniff')
        expect(headers.get('referrer-policy')).to.equal('no-referrer')
        expect(headers.get('cache-control')).to.equal('no-cache')
        const policy = headers.get('content-security-policy')!.split('; ')
        expect(policy).to.include.members([
          "default-src 'none'",
          "script-src 'self'",
          "style-src 'self'",
          "connect-src 'self'",
          "base-uri 'none'",
          "form-action 'none'",
          "frame-ancestors 'none'",
        ])
        expect(policy.join()).to.not.match(/unsafe|\*|http/)
      }
    })

    it('with a type for each file, and again only if it has changed', async () => {
      await start()
      const html = await (await get('/spillway/ui')).text()
      expect(html).to.not.match(
        / style=|<style|<script(?! type="module" src="ui\/page.js")|\bon\w+=/,
      )
      const links = [...html.matchAll(/"(ui\/[^"]+)"/g)].map(([, link]) => link!)
      expect(links).to.include.members(['ui/page.js', 'ui/uPlot.esm.js', 'ui/uPlot.min.css'])
      for (const link of links) {
        const answer = await get(`/spillway/${link}`)
        const type = link.endsWith('.js') ? 'text/javascript' : 'text/css'
        expect(answer.status, link).to.equal(200)
        expect(answer.headers.get('content-type')).to.equal(`${type}; charset=utf-8`)
        const etag = answer.headers.get('etag')!
        const again = await get(`/spillway/${link}`, { 'if-none-match': etag })
        expect(again.status, link).to.equal(304)
        expect((await get(`/spillway/${link}`, { 'if-none-match': '"old"' })).status).to.equal(200)
      }
    })

    it('and no other file', async () => {
      await start()
      for (const path of [
        'index.html',
        '..%2fui.ts',
        '%2e%2e%2froutes.ts',
        'constructor',
        'page',
      ]) {
        expect((await get(`/spillway/ui/${path}`)).status, path).to.equal(404)
      }
    })

    it('not at all, if the app does not want it', async () => {
      await start({ ui: false })
      expect((await get('/spillway/ui')).status).to.equal(404)
    })
  })

  it('works at any prefix, with a slash at its end, and behind a proxy that adds a path', async () => {
    await start({ prefix: '/deep/ops' })
    const proxy = http.createServer((request, reply) => {
      const url = fixture.url + request.url!.replace('/outside', '')
      http.get(url, { agent: false }, (answer) => {
        reply.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(reply)
        reply.once('close', () => answer.destroy())
      })
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as AddressInfo
    try {
      await open({ url: `http://127.0.0.1:${port}`, prefix: '/outside/deep/ops' })
      await overview()
      await page().goto(`http://127.0.0.1:${port}/outside/deep/ops/ui/`)
      await overview()
      expect(dashboard.breaches).to.deep.equal([])
      expect(troubles()).to.deep.equal([])
    } finally {
      await dashboard.close()
      proxy.closeAllConnections()
      proxy.close()
    }
  })

  describe('where a token is asked for', () => {
    let accepted = TOKEN
    const auth: onRequestAsyncHookHandler = async ({ headers }, reply) => {
      if (headers.authorization !== `Bearer ${accepted}`) return reply.code(401).send('who?')
    }
    const type = async (token: string) => {
      await page().getByLabel('Token', { exact: true }).fill(token)
      await page().keyboard.press('Enter')
    }
    const asksForIt = () => reached('the question', () => page().locator('#token-form').isVisible())

    beforeEach(async () => {
      accepted = TOKEN
      await start({ auth })
      await open()
      await asksForIt()
    })

    afterEach(() => {
      expect(troubles(401)).to.deep.equal([])
    })

    it('shows nothing before it has one, and everything with it', async () => {
      expect(await page().locator('#overview').isVisible()).to.equal(false)
      expect(await page().evaluate('document.activeElement.id')).to.equal('token-field')
      const field = page().locator('#token-field')
      expect(await field.getAttribute('type')).to.equal('password')
      expect(await field.getAttribute('autocomplete')).to.equal('off')
      await type(TOKEN)
      await overview()
      expect(await page().locator('#token').isVisible()).to.equal(false)
      const last = dashboard.authorizations.at(-1)
      expect(last).to.equal(`Bearer ${TOKEN}`)
      await reached(
        'the stream',
        async () => (await wordsOf(page().locator('#feed-state'))) === 'live',
      )
    })

    it('keeps it nowhere but in memory', async () => {
      await type(TOKEN)
      await overview()
      const kept = await page().evaluate<string>(`JSON.stringify([
        Object.entries(localStorage), Object.entries(sessionStorage), document.cookie, location.href,
        history.state, name, document.documentElement.outerHTML,
        [...document.querySelectorAll('input')].map(({ value }) => value)])`)
      expect(kept).to.include('/spillway/ui')
      expect(kept).to.not.include(TOKEN)
      const databases = await page().evaluate('indexedDB.databases()')
      expect(databases).to.deep.equal([])
      expect(await page().context().cookies()).to.deep.equal([])
      expect(await page().evaluate('caches.keys()')).to.deep.equal([])
      await page().reload()
      await asksForIt()
    })

    it('says of a wrong one that it is wrong, and asks again', async () => {
      await type('wrong')
      await reached('the words', async () =>
        /^This token was refused/.test(await wordsOf(page().locator('#token-words'))),
      )
      expect(await page().locator('#overview').isVisible()).to.equal(false)
      expect(await page().locator('#token-field').inputValue()).to.equal('')
      await type('not é possible')
      expect(await wordsOf(page().locator('#token-words'))).to.match(/ASCII/)
      await type(TOKEN)
      await overview()
    })

    it('asks again when it is not accepted any more, and shows old figures no longer', async () => {
      await type(TOKEN)
      await overview()
      accepted = 'another'
      await asksForIt()
      expect(await page().locator('#overview').isVisible()).to.equal(false)
      expect(await page().locator('#totals').isVisible()).to.equal(false)
      const { length } = dashboard.asked
      await type('another')
      await overview()
      expect(dashboard.authorizations.slice(length)).to.include('Bearer another')
    })
  })

  it('offers another token to who may see but not change', async () => {
    await start({ changeAuth: async (_request, reply) => reply.code(403).send('no') })
    await open()
    await reached('the form', () => page().locator('#policy-form').isVisible())
    await page().locator('#policy-form [name=maxAge]').fill('1000')
    await page().getByRole('button', { name: 'Change', exact: true }).click()
    await reached('the refusal', async () =>
      /^Not changed: the server answered 403/.test(await wordsOf(page().locator('#policy-words'))),
    )
    await page().getByRole('button', { name: 'Other token' }).click()
    expect(await page().locator('#token-form').isVisible()).to.equal(true)
    expect(troubles(403)).to.deep.equal([])
  })

  it('shows the policy as text, and no button, where nobody may change it', async () => {
    await start()
    await fixture.raw()
    await open()
    await reached('the policy', () => page().locator('#policy-text').isVisible())
    expect(await wordsOf(page().locator('#policy-text'))).to.include('high128 KiB')
    expect(await page().locator('#policy-form').isVisible()).to.equal(false)
    await page().locator('#clients-table a').click()
    await reached('the client', async () =>
      (await wordsOf(page().locator('#client-name'))).includes('·'),
    )
    expect(await page().locator('#close-client').isVisible()).to.equal(false)
  })

  describe('takes what others chose for text', () => {
    /** Nothing in the page is what it is not the page's own. */
    async function expectTextOnly(): Promise<void> {
      expect(await page().title()).to.not.equal('pwned')
      const made =
        'main :is(img, script, iframe, object, svg, style, link), main [onerror], main [style*=url]'
      expect(await page().locator(made).count()).to.equal(0)
      const text = await page().evaluate<string>('document.body.innerText')
      expect(text.replaceAll(/[\n\t]/g, '')).to.not.match(/[\p{Cc}\u202e\u2028\ufeff]/u)
    }

    it('from a client that chose its user agent and its namespace', async () => {
      const event = cosmetic(z.any())
      await start(undefined, { messages: { ...messages, [HOSTILE]: event } })
      fixture.io.of(/^\/.+$/)
      await fixture.client({ extraHeaders: { 'user-agent': HOSTILE } }, `/${HOSTILE}`)
      fixture.io.emit(HOSTILE, 1)
      await open()
      await reached('the client', async () =>
        [...(await clientRows(page())).values()].some(({ agent }) =>
          agent?.startsWith('<img src="/x"'),
        ),
      )
      await expectTextOnly()
      await page().locator('#clients-table a').click()
      await reached('its page', async () => (await rowsOf(page(), '#sockets')).length > 0)
      const namespaces = (await rowsOf(page(), '#sockets')).map(([namespace]) => namespace)
      expect(namespaces.some((namespace) => namespace!.startsWith('/<img src="/x"'))).to.equal(true)
      await expectTextOnly()
      expect(troubles()).to.deep.equal([])
    })

    it('also if each string of each answer is hostile, and has what is not seen', async () => {
      // what leads on, or chooses between the server's two modes
      const plain = ['id', 'next', 'mode', 'at']
      const spoil = (value: unknown): unknown => {
        if (typeof value === 'string') return `${value}${UNSEEN}${HOSTILE}`
        if (Array.isArray(value)) return value.map(spoil)
        if (typeof value !== 'object' || value === null) return value
        const entries = Object.entries(value)
        return Object.fromEntries(
          entries.map(([key, each]) => [key, plain.includes(key) ? each : spoil(each)]),
        )
      }
      await start()
      const lost = await fixture.raw()
      await fixture.raw()
      fixture.io.emit('jackpot:won', { n: 1 })
      const [{ id }] = [...fixture.app.spillway.clients()] as [ClientStats]
      fixture.app.spillway.terminate(id)
      await lost.until(() => !lost.open)
      await open({ meddle: (_path, body) => spoil(body) })
      await reached('clients, closings and events', async () => {
        const tables = ['#clients-table', '#closings', '#events']
        const rows = await Promise.all(tables.map((table) => rowsOf(page(), table)))
        return rows.every((each) => String(each).includes('⟨00⟩⟨1B⟩'))
      })
      await expectTextOnly()
      await page().locator('#clients-table a').click()
      await reached('its page', async () =>
        String(await rowsOf(page(), '#sockets')).includes('⟨202E⟩'),
      )
      await expectTextOnly()
      expect(troubles()).to.deep.equal([])
    })
  })

  describe('that does not reach the server', () => {
    it('says since when, shows its figures as old, asks less and less often, and comes back', async () => {
      await start()
      const down = false
      await open({
        setUp: async (opened) => {
          await opened.clock.install()
        },
        meddle: (_path, body) => {
          if (down) throw new Error('the server is gone')
          return body
        },
      })
      await reached('figures', async () => {
        await page().clock.runFor(1000)
        return (await wordsOf(page().locator('#reach'))) === 'Live'
      })
      await page().unrouteAll({ behavior: 'ignoreErrors' })
      let asked = 0
      await page().route('**/spillway*', (route) => {
        asked++
        return route.abort()
      })
      await page().route('**/spillway/clients*', (route) => route.abort())
      await reached('the words', async () => {
        await page().clock.runFor(1000)
        return /^Not reached since \d\d:\d\d:\d\d: /.test(await wordsOf(page().locator('#reach')))
      })
      const dimmed = 'getComputedStyle(document.querySelector("#totals")).opacity'
      expect(Number(await page().evaluate(dimmed))).to.be.lessThan(1)
      asked = 0
      for (let second = 0; second < 120; second++) await page().clock.runFor(1000)
      expect(asked).to.be.within(2, 12)
      await page().unrouteAll({ behavior: 'ignoreErrors' })
      await reached('figures again', async () => {
        await page().clock.runFor(10_000)
        return (await wordsOf(page().locator('#reach'))) === 'Live'
      })
      expect(Number(await page().evaluate(dimmed))).to.equal(1)
      troubles()
    })

    it('asks nothing while nobody looks, and one question of a kind at a time', async () => {
      await start()
      const pending: Array<() => void> = []
      let held = false
      await open({ setUp: (opened) => opened.clock.install() })
      await overview()
      await page().unrouteAll({ behavior: 'ignoreErrors' })
      let asked = 0
      await page().route(/\/spillway$/, async (route) => {
        asked++
        if (held) await new Promise<void>((resolve) => pending.push(resolve))
        await route.continue().catch(() => {})
      })
      const look = (hidden: boolean) =>
        page().evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true })
          document.dispatchEvent(new Event('visibilitychange'))`)
      const idle = () =>
        reached('no question', async () => (await wordsOf(page().locator('#reach'))) === 'Live')
      await idle()
      await look(true)
      const before = asked
      for (let second = 0; second < 30; second++) await page().clock.runFor(1000)
      expect(asked).to.be.at.most(before + 1)
      expect(await wordsOf(page().locator('#feed-state'))).to.equal('paused')
      held = true
      asked = 0
      await look(false)
      await reached('a question', () => asked === 1)
      for (let second = 0; second < 8; second++) await page().clock.runFor(1000)
      expect(asked).to.equal(1)
      held = false
      for (const resolve of pending.splice(0)) resolve()
      await reached('the next one', async () => {
        await page().clock.runFor(1000)
        return asked > 1
      })
      expect(troubles()).to.deep.equal([])
    })
  })

  describe('is for everyone', () => {
    const populate = async () => {
      await start({ changeAuth: false })
      for (let n = 0; n < 12; n++) await fixture.raw()
      fixture.io.emit('jackpot:won', { n: 1 })
      fixture.io.emit('reel:frame', { n: 'not a number' })
      const [{ id }] = [...fixture.app.spillway.clients()] as [ClientStats]
      fixture.app.spillway.terminate(id)
    }
    const toClient = async () => {
      await page().locator('#clients-table a').first().click()
      await reached('its page', () => page().locator('#close-client').isVisible())
    }

    it('by keyboard alone', async () => {
      await populate()
      await open()
      await reached('rows', async () => (await clientRows(page())).size === 10)
      await reached('the form', () => page().locator('#policy-form').isVisible())
      await page().keyboard.press('Tab')
      expect(await page().evaluate('document.activeElement.id')).to.equal('skip')
      await page().keyboard.press('Enter')
      expect(await page().evaluate('document.activeElement.id')).to.equal('main')
      expect(new URL(page().url()).hash).to.equal('')
      const seen = new Set<string>()
      const nameOf = `(({ id, name, type, value, textContent, tagName }) =>
        [tagName, id || name || textContent.trim(), type === 'radio' ? '' : ''].join(' '))`
      const due: string[] = await page().evaluate(`
        [...document.querySelectorAll('main :is(a, button, select, input, summary)')]
          .filter((each) => !each.disabled && each.checkVisibility() && each.type !== 'radio')
          .map(${nameOf})`)
      expect(due.length).to.be.greaterThan(20)
      for (let n = 0; n < 80; n++) {
        await page().keyboard.press('Tab')
        seen.add(await page().evaluate(`${nameOf}(document.activeElement)`))
        const outline = await page().evaluate(
          `getComputedStyle(document.activeElement).outlineStyle`,
        )
        if (await page().evaluate('document.activeElement !== document.body')) {
          expect(outline, [...seen].at(-1)!).to.not.equal('none')
        }
      }
      expect([...seen]).to.include.members(due)

      await page().locator('#clients-table a').first().focus()
      await page().keyboard.press('Enter')
      await reached('its page', () => page().locator('#close-client').isVisible())
      await page().locator('#close-client').focus()
      await page().keyboard.press('Enter')
      await reached('the question', () => page().locator('#confirm').isVisible())
      expect(await page().evaluate('document.activeElement.textContent')).to.equal('Keep it')
      await page().keyboard.press('Escape')
      expect(await page().locator('#confirm').isVisible()).to.equal(false)
      expect(await page().evaluate('document.activeElement.id')).to.equal('close-client')
    })

    it('in rows that keep the focus when they change places', async () => {
      await populate()
      await open()
      await reached('rows', async () => (await clientRows(page())).size === 10)
      const last = page().locator('#clients-table tbody a').last()
      const name = await last.getAttribute('href')
      await last.focus()
      const id = decodeURIComponent(name!.split('/').at(-1)!)
      const socket = Object.values(fixture.app.spillway.client(id)!.sockets)[0]!
      const first = async () => [...(await clientRows(page())).keys()][0]
      const sending = setInterval(() => fixture.io.to(socket).emit('filler', 'x'.repeat(20_000)), 1)
      await reached('the first place', async () => (await first()) === id)
      clearInterval(sending)
      expect(await page().evaluate('document.activeElement.getAttribute("href")')).to.equal(name)
    })

    it('on a phone of 360 pixels, without scrolling to the side', async () => {
      await populate()
      await open({ setUp: (opened) => opened.setViewportSize({ width: 360, height: 740 }) })
      await reached('rows', async () => (await clientRows(page())).size === 10)
      await reached('closings', async () => (await rowsOf(page(), '#closings')).length === 1)
      const fits = () => page().evaluate('document.documentElement.scrollWidth <= innerWidth')
      expect(await fits()).to.equal(true)
      await page().getByText('Filter and order').click()
      expect(await fits()).to.equal(true)
      const outside = `[...document.querySelectorAll('main *')].filter((each) => {
        const { right } = each.getBoundingClientRect()
        return right > innerWidth && !each.closest('.scroll, .chart, .unseen')
      }).map(({ outerHTML }) => outerHTML.slice(0, 80))`
      expect(await page().evaluate(outside)).to.deep.equal([])
      await toClient()
      expect(await fits()).to.equal(true)
      expect(await page().evaluate(outside)).to.deep.equal([])
      await page().locator('#close-client').click()
      expect(await fits()).to.equal(true)
    })

    for (const colorScheme of ['light', 'dark'] as const) {
      it(`in a ${colorScheme} scheme, with a contrast of 4.5 to 1`, async () => {
        await populate()
        await open({ setUp: (opened) => opened.emulateMedia({ colorScheme }) })
        await reached('rows', async () => (await clientRows(page())).size === 10)
        await reached('the form', () => page().locator('#policy-form').isVisible())
        const ground = 'getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]'
        const bright = Number(await page().evaluate(ground)) > 127
        expect(bright).to.equal(colorScheme === 'light')
        expect(await page().evaluate(FAINT)).to.deep.equal([])
        await toClient()
        expect(await page().evaluate(FAINT)).to.deep.equal([])
      })
    }

    it('with tables that have captions and heads, and charts that have words', async () => {
      await populate()
      await open()
      await reached('rows', async () => (await clientRows(page())).size === 10)
      const bare = `[...document.querySelectorAll('table')].filter((table) =>
        !table.caption || [...table.querySelectorAll('th')].some(({ scope }) => !scope)).length`
      expect(await page().evaluate(bare)).to.equal(0)
      await reached('labels', async () =>
        page().evaluate(`[...document.querySelectorAll('#overview [role=img]')]
          .every((chart) => chart.getAttribute('aria-label')?.length > 20)`),
      )
    })
  })
})

/** The visible texts whose contrast is below 4.5, WCAG 2.2, 1.4.3; what is disabled may be. */
const FAINT = `(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number)
  const channel = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
  const groundOf = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor)
      if (color[3] !== 0) return color
    }
    return [255, 255, 255]
  }
  const faint = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    if (!node.data.trim() || !element.checkVisibility() || element.closest('.unseen, .skip, :disabled, template, noscript')) continue
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(groundOf(element))].sort((x, y) => y - x)
    const ratio = (a + 0.05) / (b + 0.05)
    if (ratio < 4.5) faint.push(node.data.trim() + ' ' + ratio.toFixed(2))
  }
  return faint
})()`
