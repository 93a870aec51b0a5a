import { expect } from 'chai'
import fc from 'fast-check'
import { BroadcastRound } from '../../lib/loop/broadcast-round.ts'
import { often } from '../support/thorough.ts'

const SEED = 20261125
const OPERATIONS = often({ usually: 25_000, thoroughly: 100_000 })

/** What is done with a round; a delivery may lead to more of it. */
type Operation =
  | { readonly kind: 'join' }
  | { readonly kind: 'visit' }
  | { readonly kind: 'catch up'; readonly who: number }

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ kind: 'join' } as const) },
  { weight: 5, arbitrary: fc.constant({ kind: 'visit' } as const) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('catch up' as const), who: fc.nat({ max: 7 }) }),
  },
)
const runs = fc.record({
  size: fc.integer({ min: 1, max: 7 }),
  operations: fc.array(operation, { minLength: 20, maxLength: 80 }),
  /** Of every so many deliveries one leads to the next operation, and one throws. */
  nestedEvery: fc.integer({ min: 2, max: 9 }),
  throwsEvery: fc.integer({ min: 2, max: 40 }),
})

class Thrown extends Error {}

/** A round beside a count of what each recipient has got: each message once, and in order. */
class Play {
  readonly round: BroadcastRound<{ got: number }, number>
  readonly recipients: Array<{ got: number }>
  finished = 0
  joined = 0
  done = 0
  #deliveries = 0
  readonly #left: Operation[]
  readonly #nestedEvery: number
  readonly #throwsEvery: number

  constructor({
    size,
    operations,
    nestedEvery,
    throwsEvery,
  }: typeof runs extends fc.Arbitrary<infer R> ? R : never) {
    this.recipients = Array.from({ length: size }, () => ({ got: 0 }))
    this.round = new BroadcastRound(this.recipients)
    this.#left = [...operations]
    this.#nestedEvery = nestedEvery
    this.#throwsEvery = throwsEvery
  }

  run(): void {
    while (this.#left.length > 0) this.#attempt(() => this.#next())
    while (!this.round.done) this.#attempt(() => this.#visit())
  }

  /** A message is finished when everyone has it, not before. */
  check(): void {
    const all = Math.min(...this.recipients.map(({ got }) => got))
    expect(this.finished).to.be.at.most(all)
  }

  #attempt(step: () => void): void {
    try {
      step()
    } catch (error) {
      if (!(error instanceof Thrown)) throw error
    }
    this.check()
  }

  #next(): void {
    const next = this.#left.pop()
    if (!next) return
    this.done++
    if (next.kind === 'join') this.round.join(this.joined++)
    else if (next.kind === 'visit') this.#visit()
    else {
      const recipient = this.recipients[next.who]
      this.round.catchUp(recipient ?? {}, this.#deliver)
      if (recipient) expect(recipient.got).to.equal(this.joined)
    }
  }

  #visit(): void {
    this.round.visit(this.#deliver, (message) => {
      expect(message).to.equal(this.finished++)
    })
  }

  readonly #deliver = (recipient: { got: number }, message: number): void => {
    expect(message).to.equal(recipient.got++)
    this.#deliveries++
    if (this.#deliveries % this.#nestedEvery === 0) this.#next()
    if (this.#deliveries % this.#throwsEvery === 0) throw new Thrown()
  }
}

describe('BroadcastRound', () => {
  it('visits everyone in turn, and gives what has joined meanwhile to those before, too', () => {
    const recipients = ['a', 'b', 'c'].map((name) => ({ name }))
    const round = new BroadcastRound<(typeof recipients)[number], number>(recipients)
    const log: string[] = []
    const visit = () =>
      round.visit(
        ({ name }, message) => log.push(`${name}${message}`),
        (message) => log.push(`${message} done`),
      )
    round.join(1)
    visit()
    round.join(2)
    while (!round.done) visit()
    expect(log).to.deep.equal(['a1', 'b1', 'b2', 'c1', 'c2', '1 done', 'a2', '2 done'])
  })

  it('gives whoever catches up what it is due, and that no second time', () => {
    const recipients = ['a', 'b', 'c'].map((name) => ({ name }))
    const round = new BroadcastRound<(typeof recipients)[number], number>(recipients)
    const log: string[] = []
    const deliver = ({ name }: { name: string }, message: number) => log.push(`${name}${message}`)
    round.join(1)
    round.catchUp(recipients[2]!, deliver)
    round.catchUp({}, deliver)
    round.join(2)
    while (!round.done) round.visit(deliver, () => {})
    expect(log).to.deep.equal(['c1', 'a1', 'a2', 'b1', 'b2', 'c2'])
  })

  it('is for the same recipients in the same order', () => {
    const [a, b] = [{ conn: {} }, { conn: {} }]
    const round = new BroadcastRound([a, b])
    expect([[a, b], [b, a], [a], [a, b, a]].map((each) => round.isFor(each))).to.deep.equal([
      true,
      false,
      false,
      false,
    ])
  })

  it(`gives everyone everything once and in order, whatever a delivery leads to, over ${OPERATIONS.toLocaleString('en')} operations`, () => {
    let done = 0
    fc.assert(
      fc.property(runs, (run) => {
        const play = new Play(run)
        play.run()
        for (const { got } of play.recipients) expect(got).to.equal(play.joined)
        expect(play.finished).to.equal(play.joined)
        done += play.done
      }),
      { seed: SEED, numRuns: OPERATIONS / 25 },
    )
    expect(done).to.be.at.least(OPERATIONS)
  })
})
