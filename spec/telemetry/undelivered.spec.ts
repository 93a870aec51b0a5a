import { expect } from 'chai'
import { Undelivered } from '../../lib/telemetry/undelivered.ts'
import { criticalRule, envelope, rule } from '../support/fakes/envelopes.ts'

describe('Undelivered', () => {
  it('is summed up by addressee and event, and over all', () => {
    const undelivered = new Undelivered()
    undelivered.count(envelope({ rule: rule(), bytes: 10 }), '/lobby')
    undelivered.count(envelope({ rule: rule(), bytes: 20 }), '/lobby')
    undelivered.count(envelope({ rule: criticalRule, bytes: 300 }), '/lobby')
    undelivered.count(envelope({ rule: criticalRule, bytes: 4000 }), '/table')
    expect(undelivered).to.include({ messages: 4, bytes: 4330 })
    expect([...undelivered.addressees()]).to.deep.equal(['/lobby', '/table'])
    expect(undelivered.of('/lobby')).to.deep.equal({
      messages: 3,
      bytes: 330,
      events: { [rule().event]: 2, [criticalRule.event]: 1 },
    })
    expect(undelivered.of('/table')).to.include({ messages: 1, bytes: 4000 })
    expect(undelivered.of('/other')).to.deep.equal({ messages: 0, bytes: 0, events: {} })
  })
})
