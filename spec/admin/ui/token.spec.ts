import { expect } from 'chai'
import type { onRequestAsyncHookHandler } from 'fastify'
import { reached } from '../../support/browser/browser.ts'
import { wordsOf } from '../../support/browser/dashboard-page.ts'
import { Stage } from '../../support/browser/dashboard-stage.ts'

const LIMIT_MS = 60_000
const TOKEN = 's3cret-Token_4711'

describe('The dashboard and who may see it', function () {
  this.timeout(LIMIT_MS)

  const stage = new Stage()

  describe('where a token is asked for', () => {
    let accepted = TOKEN
    const auth: onRequestAsyncHookHandler = async ({ headers }, reply) => {
      if (headers.authorization !== `Bearer ${accepted}`) return reply.code(401).send('who?')
    }
    const type = async (token: string) => {
      await stage.page.getByLabel('Token', { exact: true }).fill(token)
      await stage.page.keyboard.press('Enter')
    }
    const asksForIt = () =>
      reached('the question', () => stage.page.locator('#token-form').isVisible())

    beforeEach(async () => {
      accepted = TOKEN
      await stage.start({ auth })
      await stage.open()
      await asksForIt()
    })

    afterEach(() => {
      expect(stage.troubles(401)).to.deep.equal([])
    })

    it('shows nothing before it has one, and everything with it', async () => {
      expect(await stage.page.locator('#overview').isVisible()).to.equal(false)
      expect(await stage.page.evaluate('document.activeElement.id')).to.equal('token-field')
      const field = stage.page.locator('#token-field')
      expect(await field.getAttribute('type')).to.equal('password')
      expect(await field.getAttribute('autocomplete')).to.equal('off')
      await type(TOKEN)
      await stage.overview()
      expect(await stage.page.locator('#token').isVisible()).to.equal(false)
      const last = stage.dashboard.authorizations.at(-1)
      expect(last).to.equal(`Bearer ${TOKEN}`)
      await reached(
        'the stream',
        async () => (await wordsOf(stage.page.locator('#feed-state'))) === 'live',
      )
    })

    it('keeps it nowhere but in memory', async () => {
      await type(TOKEN)
      await stage.overview()
      const kept = await stage.page.evaluate<string>(`JSON.stringify([
        Object.entries(localStorage), Object.entries(sessionStorage), document.cookie, location.href,
        history.state, name, document.documentElement.outerHTML,
        [...document.querySelectorAll('input')].map(({ value }) => value)])`)
      expect(kept).to.include('/spillway/ui')
      expect(kept).to.not.include(TOKEN)
      const databases = await stage.page.evaluate('indexedDB.databases()')
      expect(databases).to.deep.equal([])
      expect(await stage.page.context().cookies()).to.deep.equal([])
      expect(await stage.page.evaluate('caches.keys()')).to.deep.equal([])
      await stage.page.reload()
      await asksForIt()
    })

    it('says of a wrong one that it is wrong, and asks again', async () => {
      await type('wrong')
      await reached('the words', async () =>
        /^This token was refused/.test(await wordsOf(stage.page.locator('#token-words'))),
      )
      expect(await stage.page.locator('#overview').isVisible()).to.equal(false)
      expect(await stage.page.locator('#token-field').inputValue()).to.equal('')
      await type('not é possible')
      expect(await wordsOf(stage.page.locator('#token-words'))).to.match(/ASCII/)
      await type(TOKEN)
      await stage.overview()
    })

    it('asks again when it is not accepted any more, and shows old figures no longer', async () => {
      await type(TOKEN)
      await stage.overview()
      accepted = 'another'
      await asksForIt()
      expect(await stage.page.locator('#overview').isVisible()).to.equal(false)
      expect(await stage.page.locator('#totals').isVisible()).to.equal(false)
      const { length } = stage.dashboard.asked
      await type('another')
      await stage.overview()
      expect(stage.dashboard.authorizations.slice(length)).to.include('Bearer another')
    })
  })

  it('says so where the server leads to a login elsewhere', async () => {
    await stage.start({ auth: async (_request, reply) => reply.redirect('https://login.example/') })
    await stage.open()
    await reached('the question', () => stage.page.locator('#token-form').isVisible())
    expect(await wordsOf(stage.page.locator('#token-words'))).to.match(/login elsewhere/)
    expect(stage.dashboard.breaches).to.deep.equal([])
    expect(stage.troubles()).to.deep.equal([])
  })

  it('offers another token to who may see but not change', async () => {
    await stage.start({ changeAuth: async (_request, reply) => reply.code(403).send('no') })
    await stage.open()
    await reached('the form', () => stage.page.locator('#policy-form').isVisible())
    await stage.page.locator('#policy-form [name=maxAge]').fill('1000')
    await stage.page.getByRole('button', { name: 'Change', exact: true }).click()
    await reached('the refusal', async () =>
      /^Not changed: the server answered 403/.test(
        await wordsOf(stage.page.locator('#policy-words')),
      ),
    )
    await stage.page.getByRole('button', { name: 'Other token' }).click()
    expect(await stage.page.locator('#token-form').isVisible()).to.equal(true)
    expect(stage.troubles(403)).to.deep.equal([])
  })

  it('shows the policy as text, and no button, where nobody may change it', async () => {
    await stage.start()
    await stage.fixture.raw()
    await stage.open()
    await reached('the policy', () => stage.page.locator('#policy-text').isVisible())
    expect(await wordsOf(stage.page.locator('#policy-text'))).to.include('high128 KiB')
    expect(await stage.page.locator('#policy-form').isVisible()).to.equal(false)
    await stage.page.locator('#clients-table a').click()
    await reached('the client', async () =>
      (await wordsOf(stage.page.locator('#client-name'))).includes('·'),
    )
    expect(await stage.page.locator('#close-client').isVisible()).to.equal(false)
  })
})
