import { expect } from 'chai'
import fc from 'fast-check'
import { Lane } from '../../lib/channel/lane.ts'
import type { Envelope } from '../../lib/message/envelope.ts'
import { HeldBytes } from '../../lib/message/held-bytes.ts'
import { envelope, rule } from '../support/fakes/envelopes.ts'
import { often } from '../support/thorough.ts'

const OPERATIONS = often({ usually: 50_000, thoroughly: 200_000 })

const ranks = [rule({ class: 'cosmetic', rank: -1 }), rule(), rule({ class: 'cosmetic', rank: 5 })]

describe('Lane', () => {
  describe('#push and #shift', () => {
    it('are first in, first out within a rank, and the highest rank is first out', () => {
      const lane = new Lane(new HeldBytes())
      const [a, b, c, d, e] = [1, 0, 2, 1, 2].map((rank) => envelope({ rule: ranks[rank]! }))
      for (const each of [a, b, c, d, e]) lane.push(each!)
      expect([...lane].map(({ rule }) => rule.rank)).to.deep.equal([5, 5, 0, 0, -1])
      for (const each of [c, e, a, d, b, undefined]) expect(lane.shift()).to.equal(each)
    })

    it('let what comes overtake all of lower ranks that wait, at whatever moment', () => {
      const lane = new Lane(new HeldBytes())
      const [low, high, middle] = [0, 2, 1].map((rank) => envelope({ rule: ranks[rank]! }))
      lane.push(low!)
      lane.push(high!)
      expect(lane.shift()).to.equal(high)
      lane.push(middle!)
      expect(lane.peek()).to.equal(middle)
      lane.push(high!)
      for (const each of [high, middle, low]) expect(lane.shift()).to.equal(each)
      expect(lane.empty).to.equal(true)
    })

    it('are first in, first out across ranks in the order of arrival', () => {
      const lane = new Lane(new HeldBytes(), 'arrival')
      const envelopes = ranks.map((each) => envelope({ rule: each }))
      for (const each of envelopes) lane.push(each)
      expect([...lane]).to.deep.equal(envelopes)
      for (const each of [...envelopes, undefined]) expect(lane.shift()).to.equal(each)
    })

    it('keep count of messages and bytes', () => {
      const lane = new Lane(new HeldBytes())
      lane.push(envelope({ bytes: 100 }))
      lane.push(envelope({ bytes: 50 }))
      expect(lane).to.include({ messages: 2, bytes: 150 })
      lane.shift()
      expect(lane).to.include({ messages: 1, bytes: 50 })
    })
  })

  describe('#conflate', () => {
    it('keeps the queue position of the entry that it replaces', () => {
      const lane = new Lane(new HeldBytes())
      const [old, other, newer] = [
        envelope({ key: 'a', bytes: 100 }),
        envelope({ key: 'b' }),
        envelope({ key: 'a', bytes: 140 }),
      ]
      lane.push(old!)
      lane.push(other!)
      expect(lane.conflate(newer!)).to.equal(old)
      expect([...lane]).to.deep.equal([newer, other])
      expect(lane.bytes).to.equal(240)
    })

    it('does nothing once the earlier one has left', () => {
      const lane = new Lane(new HeldBytes())
      lane.push(envelope({ key: 'a' }))
      lane.shift()
      expect(lane.conflate(envelope({ key: 'a' }))).to.equal(undefined)
      expect(lane.empty).to.equal(true)
    })
  })

  describe('#evict', () => {
    it('takes the oldest of the lowest rank', () => {
      const lane = new Lane(new HeldBytes())
      const [high, low, lowLater] = [
        envelope({ rule: ranks[2]! }),
        envelope({ rule: ranks[0]! }),
        envelope({ rule: ranks[0]! }),
      ]
      for (const each of [high, low, lowLater]) lane.push(each!)
      expect(lane.evict(5)).to.equal(low)
      expect([...lane]).to.deep.equal([high, lowLater])
    })

    it('spares what has a higher rank than allowed', () => {
      const lane = new Lane(new HeldBytes())
      lane.push(envelope({ rule: ranks[2]! }))
      expect(lane.evict(0)).to.equal(undefined)
      expect(lane.evictable(0)).to.equal(0)
      expect(lane.evictable(5)).to.equal(100)
    })
  })

  describe('#shiftOverdue', () => {
    const maxAge = 1000

    it('takes what is too old of the ranks whose turn has not come, the lowest first', () => {
      const lane = new Lane(new HeldBytes())
      const [lowest, young, low, high] = [
        envelope({ rule: ranks[0]!, at: 0 }),
        envelope({ rule: ranks[0]!, at: 900 }),
        envelope({ rule: ranks[1]!, at: 100 }),
        envelope({ rule: ranks[2]!, at: 0 }),
      ]
      for (const each of [high, low, lowest, young]) lane.push(each!)
      expect(lane.shiftOverdue(1000, maxAge)).to.equal(undefined)
      expect(lane.shiftOverdue(1001, maxAge)).to.equal(lowest)
      expect(lane.shiftOverdue(1001, maxAge)).to.equal(undefined)
      expect(lane.shiftOverdue(1101, maxAge)).to.equal(low)
      expect(lane.shiftOverdue(1101, maxAge)).to.equal(undefined)
      expect([...lane]).to.deep.equal([high, young])
    })

    it('takes nothing where all are of one rank: its turn comes', () => {
      const lane = new Lane(new HeldBytes())
      lane.push(envelope({ rule: ranks[1]!, at: 0 }))
      expect(lane.shiftOverdue(1e9, maxAge)).to.equal(undefined)
    })
  })

  describe('#moveIf', () => {
    it('moves in the order in which they would have left', () => {
      const [from, to] = [new Lane(new HeldBytes()), new Lane(new HeldBytes(), 'arrival')]
      const [first, low, high, other] = [
        envelope({ rule: ranks[1]!, namespace: '/a' }),
        envelope({ rule: ranks[0]!, namespace: '/a' }),
        envelope({ rule: ranks[2]!, namespace: '/a' }),
        envelope({ rule: ranks[2]!, namespace: '/b' }),
      ]
      for (const each of [first, low, high, other]) from.push(each!)
      const earlier = envelope()
      to.push(earlier)
      from.moveIf(({ namespace }) => namespace === '/a', to)
      const later = envelope()
      to.push(later)
      expect([...to]).to.deep.equal([earlier, high, first, low, later])
      expect([...from]).to.deep.equal([other])
    })
  })

  it(`behaves as a plain sorted array does, over ${OPERATIONS.toLocaleString('en')} operations`, () => {
    let operations = 0
    const place = fc.record({
      rank: fc.nat({ max: ranks.length - 1 }),
      bytes: fc.integer({ min: 10, max: 300 }),
      at: fc.integer({ min: 0, max: 100 }),
      key: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined, freq: 2 }),
      namespace: fc.constantFrom('/', '/other'),
    })
    const step = fc.oneof(
      { weight: 5, arbitrary: place.map((fields) => ({ name: 'push' as const, ...fields })) },
      { weight: 2, arbitrary: fc.constant({ name: 'shift' as const }) },
      {
        weight: 1,
        arbitrary: fc.record({
          name: fc.constant('overdue' as const),
          now: fc.integer({ min: 0, max: 200 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          name: fc.constant('evict' as const),
          rank: fc.constantFrom(-2, -1, 0, 5),
          keepFirst: fc.boolean(),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          name: fc.constant('take' as const),
          namespace: fc.constantFrom('/', '/other'),
        }),
      },
    )
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 300, size: 'max' }), (steps) => {
        const lane = new Lane(new HeldBytes())
        const model: Envelope[] = []
        for (const each of steps) {
          operations++
          if (each.name === 'push') {
            const made = envelope({ ...each, rule: ranks[each.rank]! })
            const at = model.findIndex(({ key }) => key !== undefined && key === made.key)
            expect(lane.conflatable(made)).to.equal(at < 0 ? undefined : model[at])
            // an event has one rank, so conflation never changes it
            if (at >= 0 && model[at]!.rule === made.rule) {
              expect(lane.conflate(made)).to.equal(model[at])
              model[at] = made
            } else if (at < 0) {
              lane.push(made)
              const behind = model.findIndex(({ rule }) => rule.rank < made.rule.rank)
              model.splice(behind < 0 ? model.length : behind, 0, made)
            }
          } else if (each.name === 'shift') {
            expect(lane.shift()).to.equal(model.shift())
          } else if (each.name === 'overdue') {
            const first = model.filter(
              ({ rule }, index) =>
                index > 0 && rule !== model[0]!.rule && rule !== model[index - 1]!.rule,
            )
            const overdue = first.findLast((one) => one.expired(each.now, 100))
            expect(lane.shiftOverdue(each.now, 100)).to.equal(overdue)
            if (overdue) model.splice(model.indexOf(overdue), 1)
          } else if (each.name === 'evict') {
            const keep = each.keepFirst ? model[0] : undefined
            const victim = model
              .filter((one) => one.rule.rank <= each.rank && one !== keep)
              .sort((a, b) => a.rule.rank - b.rule.rank)[0]
            expect(lane.evict(each.rank, keep)).to.equal(victim)
            if (victim) model.splice(model.indexOf(victim), 1)
          } else {
            const taken = model.filter(({ namespace }) => namespace === each.namespace)
            expect(lane.takeIf(({ namespace }) => namespace === each.namespace)).to.deep.equal(
              taken,
            )
            for (const one of taken) model.splice(model.indexOf(one), 1)
          }
          checkEqual(lane, model)
        }
      }),
      { seed: 20_261_124, numRuns: OPERATIONS / 125 },
    )
    expect(operations).to.be.greaterThan(OPERATIONS)
  })
})

function checkEqual(lane: Lane, model: readonly Envelope[]): void {
  expect(lane.messages).to.equal(model.length)
  expect(lane.bytes).to.equal(model.reduce((bytes, one) => bytes + one.bytes, 0))
  expect(lane.peek()).to.equal(model[0])
  let index = 0
  for (const one of lane) if (one !== model[index++]) expect.fail(`order differs at ${index - 1}`)
  for (const { rank } of ranks.map(({ rank }) => ({ rank }))) {
    const bytes = model
      .filter((one) => one.rule.rank <= rank)
      .reduce((sum, one) => sum + one.bytes, 0)
    if (lane.evictable(rank) !== bytes) expect.fail(`evictable(${rank}) differs`)
  }
}
