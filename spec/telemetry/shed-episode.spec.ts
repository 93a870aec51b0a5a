import { expect } from 'chai'
import type { ShedOutcome } from '../../lib/base/outcomes.ts'
import { ShedEpisode } from '../../lib/telemetry/shed-episode.ts'
import { envelope, rule } from '../support/fakes/envelopes.ts'

const NOTHING = { dropped: 0, conflated: 0, expired: 0, bytes: 0, events: {} }

/** An episode that began at 1000, and how something is shed in it. */
function episode() {
  const shed = new ShedEpisode(1000, 7)
  const count = (event: string, outcome: ShedOutcome, bytes = 10, namespace = '/') =>
    shed.count(envelope({ rule: rule(undefined, event), bytes, namespace }), outcome)
  return { shed, count }
}

describe('ShedEpisode', () => {
  it('counts what was shed by outcome and by event, over all namespaces', () => {
    const { shed, count } = episode()
    count('odds', 'conflated')
    count('odds', 'dropped', 20)
    count('frame', 'expired', 30, '/lobby')
    expect(shed.summary(1500)).to.deep.equal({
      dropped: 1,
      conflated: 1,
      expired: 1,
      bytes: 60,
      lasted: 500,
      events: { odds: 2, frame: 1 },
    })
  })

  it('counts events under any name, also one that every object inherits', () => {
    const { shed, count } = episode()
    for (const event of ['__proto__', 'constructor', '']) count(event, 'dropped')
    const { events } = shed.summary(1000)
    expect(Object.entries(events)).to.deep.equal([
      ['__proto__', 1],
      ['constructor', 1],
      ['', 1],
    ])
  })

  it('tells what has been shed since it was told last, and keeps the sum of all', () => {
    const { shed, count } = episode()
    count('odds', 'dropped')
    const first = { ...NOTHING, dropped: 1, bytes: 10, lasted: 200, events: { odds: 1 } }
    expect(shed.tell(1200, 8).total).to.deep.equal({ ...first, ongoing: true })
    count('odds', 'expired')
    count('frame', 'expired')
    const second = { ...NOTHING, expired: 2, bytes: 20, lasted: 300, events: { odds: 1, frame: 1 } }
    expect(shed.tell(1500, 9).total).to.deep.equal({ ...second, ongoing: true })
    expect(shed).to.include({ since: 1000, toldAt: 1500, toldSequence: 9 })
    const events = { odds: 2, frame: 1 }
    const all = { ...NOTHING, dropped: 1, expired: 2, bytes: 30, lasted: 1000, events }
    expect(shed.summary(2000)).to.deep.equal(all)
  })

  it('tells those namespaces, while it goes on, in which something was shed', () => {
    const { shed, count } = episode()
    const told = () =>
      shed.tell(1200, 8).namespaces.map(([name, { dropped, ongoing }]) => [name, dropped, ongoing])
    count('odds', 'dropped')
    count('odds', 'dropped', 10, '/lobby')
    count('odds', 'dropped', 10, '/lobby')
    expect(told()).to.deep.equal([
      ['/', 1, true],
      ['/lobby', 2, true],
    ])
    count('odds', 'dropped', 10, '/lobby')
    expect(told()).to.deep.equal([['/lobby', 1, true]])
  })

  it('tells all its namespaces at the end, also those in which nothing was shed since', () => {
    const { shed, count } = episode()
    count('odds', 'dropped')
    shed.tell(1200, 8)
    count('odds', 'dropped', 10, '/lobby')
    expect([...shed.byNamespace(1500)]).to.deep.equal([
      ['/', { ...NOTHING, lasted: 300 }],
      ['/lobby', { ...NOTHING, dropped: 1, bytes: 10, lasted: 300, events: { odds: 1 } }],
    ])
  })

  it('is due when something was shed and it was not told for long', () => {
    const { shed, count } = episode()
    expect(shed.isDue(500, 1500), 'nothing was shed').to.equal(false)
    count('odds', 'dropped')
    expect([1499, 1500].map((now) => shed.isDue(500, now))).to.deep.equal([false, true])
    shed.tell(1500, 8)
    expect(shed.isDue(500, 9000), 'nothing since').to.equal(false)
    count('odds', 'dropped')
    expect([1999, 2000].map((now) => shed.isDue(500, now))).to.deep.equal([false, true])
  })
})
