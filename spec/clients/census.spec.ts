import { expect } from 'chai'
import fc from 'fast-check'
import type { Channel } from '../../lib/channel/channel.ts'
import { Census, countStates } from '../../lib/clients/census.ts'
import {
  channelOf,
  owedBy,
  STALLING,
  type Standing,
  standings,
  USUAL,
} from '../support/fakes/standings.ts'

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)

function standing(id: string, different: Partial<Standing> = {}): Standing {
  return { id, buffered: 1, shed: 0, connectedAt: 0, ...USUAL, ...different }
}

describe('Census', () => {
  it('counts everyone once a lap, whatever the number of shares', () => {
    fc.assert(
      fc.property(standings, fc.integer({ min: 1, max: 20 }), (all, shares) => {
        const census = new Census(() => all.map(channelOf)[Symbol.iterator]())
        let calls = 0
        for (let now = 1; census.latest.endedAt === undefined; now++) {
          census.count(all.length, shares, now)
          calls++
        }
        const { latest } = census
        expect(calls).to.be.at.most(shares)
        const bytes = all.map(({ queued }) => queued).filter((queued) => queued > 0)
        expect(latest.queueing).to.equal(bytes.length)
        expect(latest.queued).to.deep.equal({
          critical: { messages: 0, bytes: 0 },
          cosmetic: { messages: bytes.length, bytes: sum(bytes) },
        })
        expect(latest.losing).to.equal(all.filter(({ losing }) => losing).length)
        const stalling = all.filter((each) => owedBy(each) >= STALLING)
        expect(latest.stalling).to.equal(stalling.length)
        const sighted = all.filter(({ blind }) => !blind)
        expect(latest.inFlight).to.equal(sum(sighted.map(({ buffered }) => buffered)))
        expect(latest.blind).to.equal(all.filter(({ blind }) => blind).length)
        expect(latest.states.blind + latest.states.ready).to.equal(all.length)
        expect(latest.buffered.count).to.equal(all.length)
        expect(latest.buffered.sum).to.equal(sum(all.map(({ buffered }) => buffered)))
        for (const [index, bound] of latest.buffered.bounds.entries()) {
          const below = latest.buffered.counts.slice(0, index + 1).reduce((a, b) => a + b, 0)
          expect(below).to.equal(all.filter(({ buffered }) => buffered <= bound).length)
        }
      }),
      { numRuns: 200, seed: 7 },
    )
  })

  it('ends its lap though clients come all the time, and those that come are in the next', () => {
    const all = new Map<string, Channel>()
    const join = () => {
      const id = `a-${all.size}`
      all.set(id, channelOf(standing(id)))
    }
    for (let n = 0; n < 10; n++) join()
    const census = new Census(() => all.values())
    for (let now = 1; now <= 10; now++) {
      census.count(all.size, 10, now)
      for (let n = 0; n < 5; n++) join()
    }
    expect(census.latest.endedAt).to.not.equal(undefined)
    expect(census.latest.buffered.count).to.be.at.least(10)
  })

  it('shows the lap before until a lap is complete, and when that one ended', () => {
    const all = ['a', 'b', 'c', 'd'].map((id) => channelOf(standing(id)))
    const census = new Census(() => all.values())
    const shown = () => [census.latest.buffered.count, census.latest.endedAt]
    census.count(4, 2, 10)
    expect(shown(), 'before the first').to.deep.equal([0, undefined])
    census.count(4, 2, 20)
    expect(shown()).to.deep.equal([4, 20])
    all.pop()
    census.count(3, 2, 30)
    expect(shown(), 'half of the second').to.deep.equal([4, 20])
    census.count(3, 2, 40)
    expect(shown()).to.deep.equal([3, 40])
  })

  it('ends a lap early where clients have left', () => {
    const all = new Set(['a', 'b', 'c', 'd'].map((id) => channelOf(standing(id))))
    const census = new Census(() => all.values())
    census.count(4, 2, 10)
    all.clear()
    census.count(0, 2, 20)
    census.count(4, 2, 30)
    expect([census.latest.buffered.count, census.latest.endedAt]).to.deep.equal([2, 30])
  })
})

describe('countStates', () => {
  it('asks only watched clients for their state; the others are ready, or blind', () => {
    const idle = [false, false, true].map((blind, n) => channelOf(standing(`idle-${n}`, { blind })))
    for (const each of idle) each.state = () => expect.fail('asked an idle client')
    const watched = (['windowed', 'windowed', 'blocked', 'blind'] as const).map((state, n) => {
      const channel = channelOf(standing(`watched-${n}`, { blind: state === 'blind' }))
      channel.state = () => state
      return channel
    })
    const states = countStates([...idle, ...watched], new Set(watched), 0)
    expect(states).to.include({ ready: 2, blind: 2, windowed: 2, blocked: 1 })
    expect(sum(Object.values(states))).to.equal(7)
  })
})
