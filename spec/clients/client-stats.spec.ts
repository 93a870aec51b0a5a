import { expect } from 'chai'
import { CLOSING_CODES, type ClosingCode, type RefusalReason } from '../../lib/base/outcomes.ts'
import { Counts } from '../../lib/clients/census.ts'
import {
  clientStatsOf,
  conditionOf,
  queueOf,
  spillwayStatsOf,
  type Totals,
} from '../../lib/clients/client-stats.ts'
import type { Rule } from '../../lib/message/rule.ts'
import { Meters } from '../../lib/telemetry/meters.ts'
import { channelSetUp, cosmetic, critical, SMALL_LIMITS } from '../support/fakes/channel-set-up.ts'
import { rule } from '../support/fakes/envelopes.ts'

const PEER = { address: '10.0.0.1', userAgent: null, sockets: {} }
const MAX_AGE = 2000

/** A client that takes 1000 bytes and no more, with one message of each class queued, emitted at 100. */
function setUp() {
  const surroundings = channelSetUp()
  const { channel } = surroundings
  channel.offer(critical(1000), 50)
  channel.offer(cosmetic(300, { at: 100, rule: rule({ class: 'cosmetic' }, 'frame') }), 100)
  channel.offer(critical(200), 100)
  return surroundings
}

describe('clientStatsOf', () => {
  it('tells instants as spans until now', () => {
    const { channel } = setUp()
    const stats = clientStatsOf(channel, PEER, 700)
    expect(stats).to.include({ id: 'a', address: '10.0.0.1', connectedFor: 700 })
    expect(stats.lastShed).to.equal(null)
  })

  it('tells what is buffered, by where it is', () => {
    const { channel } = setUp()
    expect(clientStatsOf(channel, PEER, 100)).to.deep.include({
      buffered: 1500,
      outstanding: 1000,
      queued: 500,
      lanes: { critical: { messages: 1, bytes: 200 }, cosmetic: { messages: 1, bytes: 300 } },
    })
  })

  it('tells null for what was not measured, and a rate in bytes a second', () => {
    const { channel } = setUp()
    const wait = { critical: null, cosmetic: null }
    const unknown = { rtt: null, minRtt: null, rate: null, wait }
    expect(clientStatsOf(channel, PEER, 100)).to.deep.include(unknown)
    channel.window.path.rate = 40
    expect(clientStatsOf(channel, PEER, 100).rate).to.equal(40_000)
  })

  it('tells of the latest message that was shed, and how long ago', () => {
    const { channel } = setUp()
    for (let n = 0; n < 10; n++) channel.offer(cosmetic(300, { at: 200 }), 200)
    const { lastShed, dropped } = clientStatsOf(channel, PEER, 700)
    expect(dropped.messages).to.be.greaterThan(0)
    expect(lastShed).to.include({ namespace: '/', event: 'event', outcome: 'dropped', ago: 500 })
  })
})

describe('queueOf', () => {
  it('lists critical messages before cosmetic ones, without what they contain', () => {
    const { channel } = setUp()
    const { id, messages } = queueOf(channel, MAX_AGE, 10, 600)
    expect(id).to.equal('a')
    expect(messages.map((each) => [each.class, each.bytes])).to.deep.equal([
      ['critical', 200],
      ['cosmetic', 300],
    ])
    expect(JSON.stringify(messages)).to.not.match(/xx/)
  })

  it('tells when a message expires: by its own age, by that of all, or never', () => {
    const { channel } = setUp()
    const own = rule({ class: 'cosmetic', maxAge: 800 })
    channel.offer(cosmetic(100, { at: 100, rule: own }), 100)
    const { messages } = queueOf(channel, MAX_AGE, 10, 600)
    expect(messages.map(({ expiresIn }) => expiresIn)).to.deep.equal([null, 1500, 300])
    expect(messages[1]).to.include({ event: null, age: 500 })
  })

  it('lists no more than the limit, and counts all', () => {
    const { channel } = setUp()
    const { lanes, messages } = queueOf(channel, MAX_AGE, 1, 600)
    expect(messages.map((each) => each.class)).to.deep.equal(['critical'])
    expect(lanes.cosmetic.messages).to.equal(1)
  })
})

describe('conditionOf', () => {
  it('names the latest event, for a log line', () => {
    const { channel } = setUp()
    expect(conditionOf(channel, 100)).to.deep.include({
      buffered: 1500,
      lastEvent: { namespace: '/', event: 'critical', class: 'critical' },
      lastShed: null,
    })
    expect(conditionOf(channelSetUp().channel, 0).lastEvent).to.equal(null)
  })
})

describe('spillwayStatsOf', () => {
  function totalsOf(rules: readonly Rule[], different: Partial<Totals> = {}): Totals {
    const closings = Object.fromEntries(CLOSING_CODES.map((code) => [code, 0]))
    return {
      connected: 3,
      congested: 1,
      waiting: 2,
      buffered: 500,
      closings: closings as Record<ClosingCode, number>,
      refusals: {} as Record<RefusalReason, number>,
      meters: new Meters(),
      census: new Counts(),
      budget: { limit: 1000, held: 10 },
      fanout: { slices: 0, busy: 0 },
      rules: () => rules,
      ...different,
    }
  }

  it('adds up the rules of an event, apart for each class, and all of a class', () => {
    const rules = [
      rule({ class: 'cosmetic' }, 'frame'),
      rule({ class: 'cosmetic', conflateBy: () => 'key' }, 'frame'),
      rule({ class: 'critical' }, 'frame'),
      rule({ class: 'cosmetic' }, 'reel'),
    ]
    for (const [n, { tally }] of rules.entries()) tally.count('sent', 10 ** n)
    const { events, classes } = spillwayStatsOf(SMALL_LIMITS, totalsOf(rules), 0)
    const rows = events.map((each) => [each.event, each.class, each.sent.messages, each.sent.bytes])
    expect(rows).to.deep.equal([
      ['frame', 'cosmetic', 2, 11],
      ['frame', 'critical', 1, 100],
      ['reel', 'cosmetic', 1, 1000],
    ])
    expect(classes.cosmetic.sent).to.deep.equal({ messages: 3, bytes: 1011 })
    expect(classes.critical.sent).to.deep.equal({ messages: 1, bytes: 100 })
    expect(rules[0]!.tally.sent, 'the rule itself is not added to').to.equal(1)
  })

  it('ends buckets with one that has no bound', () => {
    const totals = totalsOf([])
    totals.meters.latency.record(7)
    totals.meters.latency.record(1e9)
    const { criticalLatency } = spillwayStatsOf(SMALL_LIMITS, totals, 0)
    expect(criticalLatency.count).to.equal(2)
    expect(criticalLatency.buckets.filter(({ messages }) => messages > 0)).to.deep.equal([
      { to: 10, messages: 1 },
      { to: null, messages: 1 },
    ])
  })

  it('tells the age of the census, which is null before the first lap', () => {
    const census = new Counts()
    const totals = totalsOf([], { census })
    expect(spillwayStatsOf(SMALL_LIMITS, totals, 900).census.age).to.equal(null)
    census.endedAt = 400
    expect(spillwayStatsOf(SMALL_LIMITS, totals, 900).census.age).to.equal(500)
  })
})
