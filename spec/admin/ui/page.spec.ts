import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { reached } from '../../support/browser/browser.ts'
import { wordsOf } from '../../support/browser/dashboard-page.ts'
import { Stage } from '../../support/browser/dashboard-stage.ts'

const LIMIT_MS = 60_000

describe('The dashboard as a page', function () {
  this.timeout(LIMIT_MS)

  const stage = new Stage()

  describe('is served', () => {
    const get = (path: string, headers: Record<string, string> = {}) =>
      fetch(stage.fixture.url + path, { headers, redirect: 'manual' })

    it('to whoever asks, with headers that let it do nothing else', async () => {
      await stage.start({ auth: async (_request, reply) => reply.code(401).send('no') })
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
      await stage.start()
      const html = await (await get('/spillway/ui')).text()
      expect(html).to.not.match(
        / style=|<style|<script(?! type="module" src="ui\/page.js"| src="ui\/load-error.js")|\bon\w+=/,
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
      await stage.start()
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
      await stage.start({ ui: false })
      expect((await get('/spillway/ui')).status).to.equal(404)
    })
  })

  it('works at any prefix, with a slash at its end, and behind a proxy that adds a path', async () => {
    await stage.start({ prefix: '/deep/ops' })
    const proxy = http.createServer((request, reply) => {
      const url = stage.fixture.url + request.url!.replace('/outside', '')
      http.get(url, { agent: false }, (answer) => {
        reply.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(reply)
        reply.once('close', () => answer.destroy())
      })
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as AddressInfo
    try {
      await stage.open({ url: `http://127.0.0.1:${port}`, prefix: '/outside/deep/ops' })
      await stage.overview()
      await stage.page.goto(`http://127.0.0.1:${port}/outside/deep/ops/ui/`)
      await stage.overview()
      expect(stage.dashboard.breaches).to.deep.equal([])
      expect(stage.troubles()).to.deep.equal([])
    } finally {
      await stage.dashboard.close()
      proxy.closeAllConnections()
      proxy.close()
    }
  })

  describe('whose scripts are not loaded', () => {
    const words = () => wordsOf(stage.page.locator('#reach'))
    const openWithout = async (pattern: string, status?: number) => {
      await stage.start()
      await stage.open({
        setUp: async (opened) => {
          await opened.route(pattern, (route) =>
            status === undefined ? route.abort() : route.fulfill({ status, body: '{}' }),
          )
        },
      })
    }
    afterEach(() => stage.troubles())

    for (const [name, status] of [
      ['format.js', undefined],
      ['format.js', 429],
      ['page.js', 404],
      ['uPlot.esm.js', 503],
    ] as const) {
      it(`says so of ${name} ${status ?? 'that cannot be reached'}`, async () => {
        await openWithout(`**/ui/${name}`, status)
        await reached('words', async () =>
          /^\S+ could not be loaded\. Reload the page\.$/.test(await words()),
        )
        expect(await words()).to.include(name)
        expect(stage.dashboard.breaches).to.deep.equal([])
      })
    }

    it('says so of one that is of another version', async () => {
      await stage.start()
      await stage.open({
        setUp: async (opened) => {
          await opened.route('**/ui/format.js', (route) =>
            route.fulfill({ contentType: 'text/javascript', body: 'export const other = 1' }),
          )
        },
      })
      await reached('words', async () => /^A script failed: .*export/.test(await words()))
    })

    it('says so if all of them are missing', async () => {
      await openWithout('**/ui/*.js')
      const fallback = (): Promise<string[]> =>
        stage.page.evaluate(`(({ content, visibility }) => [content, visibility])(
          getComputedStyle(document.getElementById('reach'), '::after'))`)
      expect(await words()).to.equal('Loading scripts')
      expect(await fallback()).to.deep.equal(['": they do not come. Reload the page."', 'hidden'])
      await stage.page.evaluate('for (const each of document.getAnimations()) each.finish()')
      expect((await fallback())[1]).to.equal('visible')
    })
  })

  describe('that does not reach the server', () => {
    it('says since when, shows its figures as old, asks less and less often, and comes back', async () => {
      await stage.start()
      const down = false
      await stage.open({
        setUp: async (opened) => {
          await opened.clock.install()
        },
        meddle: (_path, body) => {
          if (down) throw new Error('the server is gone')
          return body
        },
      })
      await reached('figures', async () => {
        await stage.page.clock.runFor(1000)
        return (await wordsOf(stage.page.locator('#reach'))) === 'Live'
      })
      await stage.page.unrouteAll({ behavior: 'ignoreErrors' })
      let asked = 0
      await stage.page.route('**/spillway*', (route) => {
        asked++
        return route.abort()
      })
      await stage.page.route('**/spillway/clients*', (route) => route.abort())
      await reached('the words', async () => {
        await stage.page.clock.runFor(1000)
        return /^Not reached since \d\d:\d\d:\d\d: /.test(
          await wordsOf(stage.page.locator('#reach')),
        )
      })
      const dimmed = 'getComputedStyle(document.querySelector("#totals")).opacity'
      expect(Number(await stage.page.evaluate(dimmed))).to.be.lessThan(1)
      asked = 0
      for (let second = 0; second < 120; second++) await stage.page.clock.runFor(1000)
      expect(asked).to.be.within(2, 20)
      await stage.page.unrouteAll({ behavior: 'ignoreErrors' })
      await reached('figures again', async () => {
        await stage.page.clock.runFor(10_000)
        return (await wordsOf(stage.page.locator('#reach'))) === 'Live'
      })
      expect(Number(await stage.page.evaluate(dimmed))).to.equal(1)
      stage.troubles()
    })

    it('asks nothing while nobody looks, and one question of a kind at a time', async () => {
      await stage.start()
      const pending: Array<() => void> = []
      let held = false
      await stage.open({ setUp: (opened) => opened.clock.install() })
      await stage.overview()
      await stage.page.unrouteAll({ behavior: 'ignoreErrors' })
      let asked = 0
      await stage.page.route(/\/spillway$/, async (route) => {
        asked++
        if (held) await new Promise<void>((resolve) => pending.push(resolve))
        await route.continue().catch(() => {})
      })
      const look = (hidden: boolean) =>
        stage.page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true })
          document.dispatchEvent(new Event('visibilitychange'))`)
      const idle = () =>
        reached('no question', async () => (await wordsOf(stage.page.locator('#reach'))) === 'Live')
      await idle()
      await look(true)
      const before = asked
      for (let second = 0; second < 30; second++) await stage.page.clock.runFor(1000)
      expect(asked).to.be.at.most(before + 1)
      expect(await wordsOf(stage.page.locator('#feed-state'))).to.equal('paused')
      held = true
      asked = 0
      await look(false)
      await reached('a question', () => asked === 1)
      for (let second = 0; second < 8; second++) await stage.page.clock.runFor(1000)
      expect(asked).to.equal(1)
      held = false
      for (const resolve of pending.splice(0)) resolve()
      await reached('the next one', async () => {
        await stage.page.clock.runFor(1000)
        return asked > 1
      })
      expect(stage.troubles()).to.deep.equal([])
    })

    it('connects the stream of events anew when it has gone silent', async () => {
      await stage.start()
      let streams = 0
      await stage.open({
        async setUp(opened) {
          await opened.clock.install()
          opened.on('request', (request) => {
            if (request.url().endsWith('/events')) streams++
          })
        },
      })
      const state = () => stage.page.locator('#feed-state').textContent()
      await reached('the stream', async () => (await state()) === 'live')
      expect(streams).to.equal(1)
      // the server's next sign of life is 15 s of its own clock away
      await stage.page.clock.runFor(41_000)
      await reached('another one', async () => {
        await stage.page.clock.runFor(1000)
        return streams > 1 && (await state()) === 'live'
      })
      expect(stage.troubles()).to.deep.equal([])
    })
  })
})
