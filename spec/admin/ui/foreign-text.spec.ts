import { expect } from 'chai'
import { z } from 'zod'
import { cosmetic } from '../../../schemas/priority.ts'
import type { ClientStats } from '../../../schemas/stats.ts'
import { reached } from '../../support/browser/browser.ts'
import { clientRows, rowsOf } from '../../support/browser/dashboard-page.ts'
import { Stage } from '../../support/browser/dashboard-stage.ts'
import { messages } from '../../support/messages.ts'

const LIMIT_MS = 60_000
/** Would do something if it were taken for HTML. */
const HOSTILE = `<img src="/x" onerror="document.title='pwned'"><script>document.title='pwned'</script>`
const UNSEEN = '\u0000\u001b[2J\u0007\u0085\u202e\u2028\ufeff'

describe('The dashboard takes what others chose for text', function () {
  this.timeout(LIMIT_MS)

  const stage = new Stage()

  /** Nothing in the page is what it is not the page's own. */
  async function expectTextOnly(): Promise<void> {
    expect(await stage.page.title()).to.not.equal('pwned')
    const made =
      'main :is(img, script, iframe, object, svg, style, link), main [onerror], main [style*=url]'
    expect(await stage.page.locator(made).count()).to.equal(0)
    const text = await stage.page.evaluate<string>('document.body.innerText')
    expect(text.replaceAll(/[\n\t]/g, '')).to.not.match(/[\p{Cc}\u202e\u2028\ufeff]/u)
  }

  it('from a client that chose its user agent and its namespace', async () => {
    const event = cosmetic(z.any())
    await stage.start(undefined, { messages: { ...messages, [HOSTILE]: event } })
    stage.fixture.io.of(/^\/.+$/)
    await stage.fixture.client({ extraHeaders: { 'user-agent': HOSTILE } }, `/${HOSTILE}`)
    stage.fixture.io.emit(HOSTILE, 1)
    await stage.open()
    await reached('the client', async () =>
      [...(await clientRows(stage.page)).values()].some(({ agent }) =>
        agent?.startsWith('<img src="/x"'),
      ),
    )
    await expectTextOnly()
    await stage.page.locator('#clients-table a').click()
    await reached('its page', async () => (await rowsOf(stage.page, '#sockets')).length > 0)
    const namespaces = (await rowsOf(stage.page, '#sockets')).map(([namespace]) => namespace)
    expect(namespaces.some((namespace) => namespace!.startsWith('/<img src="/x"'))).to.equal(true)
    await expectTextOnly()
    expect(stage.troubles()).to.deep.equal([])
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
    await stage.start()
    const lost = await stage.fixture.raw()
    await stage.fixture.raw()
    stage.fixture.io.emit('jackpot:won', { n: 1 })
    const [{ id }] = [...stage.fixture.app.spillway.clients()] as [ClientStats]
    stage.fixture.app.spillway.terminate(id)
    await lost.until(() => !lost.open)
    await stage.open({ meddle: (_path, body) => spoil(body) })
    await reached('clients, closings and events', async () => {
      const tables = ['#clients-table', '#closings', '#events']
      const rows = await Promise.all(tables.map((table) => rowsOf(stage.page, table)))
      return rows.every((each) => String(each).includes('⟨00⟩⟨1B⟩'))
    })
    await expectTextOnly()
    await stage.page.locator('#clients-table a').click()
    await reached('its page', async () =>
      String(await rowsOf(stage.page, '#sockets')).includes('⟨202E⟩'),
    )
    await expectTextOnly()
    expect(stage.troubles()).to.deep.equal([])
  })
})
