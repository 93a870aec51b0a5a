import { expect } from 'chai'
import { type AppFixture, startApp } from '../support/servers/app.ts'

/**
 * What a page of another site can have a browser send, with its cookies and without asking: forms by
 * GET and POST with these types, and `fetch` with `mode: 'no-cors'`, which has the same types.
 */
const FORMS = {
  'application/x-www-form-urlencoded': 'mode=observe&_method=PATCH',
  'multipart/form-data; boundary=x':
    '--x\r\nContent-Disposition: form-data; name="mode"\r\n\r\nobserve\r\n--x--\r\n',
  'text/plain': '{"mode":"observe"}',
}
/** By which some frameworks let a form be something else. */
const OVERRIDES = { 'x-http-method-override': 'PATCH', 'x-method-override': 'DELETE' }

describe('A page of another site', () => {
  let fixture: AppFixture

  /** Cookies would be let in as whoever has them. */
  beforeEach(async () => {
    const anyone = async () => {}
    fixture = await startApp({ admin: { auth: anyone, changeAuth: anyone } })
  })

  afterEach(() => fixture.close())

  const origin = { origin: 'https://evil.example' }
  const mode = () => fixture.spillway!.policy.mode

  it('changes nothing by a form, whatever its type', async () => {
    const client = await fixture.raw()
    const { id } = [...fixture.spillway!.clients()][0]!
    for (const path of ['/policy', `/clients/${id}`]) {
      for (const suffix of ['', '?_method=PATCH', '?_method=DELETE']) {
        for (const [type, body] of Object.entries(FORMS)) {
          const headers = { ...origin, ...OVERRIDES, 'content-type': type }
          const url = `${fixture.url}/spillway${path}${suffix}`
          const { status } = await fetch(url, { method: 'POST', headers, body })
          expect(status, `${path}${suffix} as ${type}`).to.be.within(400, 499)
          const get = await fetch(url, { headers: origin })
          expect(get.status < 500, url).to.equal(true)
        }
      }
    }
    expect(mode()).to.equal('enforce')
    expect(client.open).to.equal(true)
    expect(fixture.spillway!.readings.closings.terminated).to.equal(0)
  })

  it('is not let do what needs to be asked for first, and reads nothing', async () => {
    for (const method of ['PATCH', 'DELETE']) {
      const asking = { ...origin, 'access-control-request-method': method }
      const { status, headers } = await fetch(`${fixture.url}/spillway/policy`, {
        method: 'OPTIONS',
        headers: asking,
      })
      expect(status).to.be.within(400, 499)
      expect(headers.get('access-control-allow-origin')).to.equal(null)
    }
    for (const path of ['', '/clients', '/policy', '/closed', '/metrics', '/ui']) {
      const { headers } = await fetch(`${fixture.url}/spillway${path}`, { headers: origin })
      expect(headers.get('access-control-allow-origin'), path).to.equal(null)
    }
  })

  it('changes nothing by a PATCH that is no JSON', async () => {
    for (const [type, body] of Object.entries(FORMS)) {
      const headers = { 'content-type': type }
      const url = `${fixture.url}/spillway/policy`
      expect((await fetch(url, { method: 'PATCH', headers, body })).status).to.be.within(400, 415)
    }
    expect(mode()).to.equal('enforce')
  })

  it('control: whoever may change something changes it by JSON', async () => {
    const { status } = await fetch(`${fixture.url}/spillway/policy`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: '{"mode":"observe"}',
    })
    expect(status).to.equal(200)
    expect(mode()).to.equal('observe')
  })
})
