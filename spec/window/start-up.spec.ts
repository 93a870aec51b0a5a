import { expect } from 'chai'
import { START, StartUp } from '../../lib/window/start-up.ts'

const RESOLUTION = 25
const MESSAGE = 2048

/** An answer of a path that is never left idle. */
const ANSWER = { limited: true, atOnce: false, alone: false }

/**
 * A path that is always given as much as may be in flight.
 *
 * @param lateness of an answer, milliseconds
 */
class Path {
  readonly startUp = new StartUp(RESOLUTION)
  found: number | undefined
  most = 0
  readonly #rate: number
  readonly #rtt: number
  readonly #late: () => number
  readonly #open: Array<{ since: number; ahead: number; arrives: number }> = []
  #inFlight = 0
  #free = 0
  #answeredAt = Number.NEGATIVE_INFINITY

  constructor(rate: number, rtt: number, late = () => 0) {
    this.#rate = rate
    this.#rtt = rtt
    this.#late = late
    this.#fill(0)
  }

  /** Until the rate is found, or so many answers have come. */
  run(answers: number): this {
    for (let n = 0; n < answers && this.found === undefined; n++) this.#answer()
    return this
  }

  #fill(now: number): void {
    while (this.#inFlight + MESSAGE <= this.startUp.allowed) {
      this.#inFlight += MESSAGE
      this.#free = Math.max(this.#free, now) + MESSAGE / this.#rate
      const before = this.#open.at(-1)?.arrives ?? 0
      const arrives = Math.max(before, this.#free + this.#rtt + this.#late())
      this.#open.push({ since: now, ahead: this.#inFlight, arrives })
    }
    this.most = Math.max(this.most, this.#inFlight)
  }

  #answer(): void {
    const { since, ahead, arrives: now } = this.#open.shift()!
    this.#inFlight -= MESSAGE
    const before = this.#answeredAt - this.#rtt
    const lasted = now - this.#rtt - Math.max(before, since)
    this.#answeredAt = now
    const alone = since > before
    const answer = {
      run: MESSAGE,
      ...ANSWER,
      lasted,
      since,
      ahead,
      alone,
      now,
      rtt: now - since,
    }
    const queue = Math.max(this.#rtt / 4, RESOLUTION)
    this.found = this.startUp.answered(answer, this.#rtt, queue)
    if (this.found === undefined) this.#fill(now)
  }
}

describe('StartUp', () => {
  for (const [kbit, rtt] of [
    [100, 2],
    [100, 300],
    [32, 100],
    [1000, 60],
  ] as const) {
    it(`finds ${kbit} kbit/s at a round trip of ${rtt} ms with hardly more in flight than at first`, () => {
      const path = new Path(kbit / 8, rtt).run(10)
      expect(path.found).to.be.closeTo(kbit / 8, kbit / 80)
      expect(path.most).to.be.at.most(1.5 * START)
    })
  }

  it('fills a fast and long path within two round trips', () => {
    const path = new Path(1000, 600)
    path.run(4)
    expect(path.startUp.allowed).to.be.within(256 * 1024, 1024 * 1024)
    expect(path.run(1000).found).to.be.closeTo(1000, 100)
  })

  it('takes no noise for a rate: answers that come in bunches', () => {
    // once in 100 ms
    let at = 0
    const path = new Path(1000, 40, () => (at++ % 50 === 0 ? 100 : 0))
    path.run(60)
    expect(path.found ?? 1000).to.be.above(500)
    expect(path.startUp.allowed).to.be.at.least(8 * START)
  })

  it('takes messages that end in one packet for no sign of speed', () => {
    const startUp = new StartUp(RESOLUTION)
    const at = { since: 0, now: 100, rtt: 100, ahead: START, run: 700 }
    for (const lasted of [10, 0]) {
      startUp.answered({ ...ANSWER, ...at, lasted }, 100, RESOLUTION)
    }
    expect(startUp.allowed).to.equal(START)
  })

  it('takes an answer alone for no sign of speed, but where that is most of what may be in flight', () => {
    for (const [run, atOnce, grows] of [
      [START / 4, false, false],
      [START, false, true],
      [START, true, true],
    ] as const) {
      const startUp = new StartUp(RESOLUTION)
      const at = { since: 0, now: 300, rtt: 300, ahead: START, alone: true }
      startUp.answered({ ...ANSWER, ...at, atOnce, run, lasted: 1 }, 299, RESOLUTION)
      expect(startUp.allowed > START, `${run}, ${atOnce}`).to.equal(grows)
    }
  })

  it('grows at once as far as most of what may be in flight shows, and eightfold at most', () => {
    const allowed = (lasted: number): number => {
      const startUp = new StartUp(RESOLUTION)
      const at = { since: 0, now: 300, rtt: 300, ahead: START, run: START, alone: true }
      startUp.answered({ ...ANSWER, ...at, lasted }, 299, RESOLUTION)
      return startUp.allowed
    }
    expect(allowed(1)).to.equal(8 * START)
    // so much is the rate itself
    expect(allowed(600)).to.equal(START)
  })

  it('begins and ends where it is told to', () => {
    const startUp = new StartUp(RESOLUTION, 4 * START, 6 * START)
    expect(startUp.allowed).to.equal(4 * START)
    for (let now = 1000; now < 20_000; now += 1000) {
      const at = { since: now - 1000, now, rtt: 1000, ahead: 4 * START, run: 4 * START }
      startUp.answered({ ...ANSWER, ...at, lasted: 0 }, 1000, RESOLUTION)
    }
    expect(startUp.allowed).to.equal(6 * START)
  })

  it('ends by itself if nothing is told by the answers', () => {
    let n = 0
    // never two alike, and never a queue
    const path = new Path(1e6, 40, () => (n++ % 7) * 3)
    path.run(1_000_000)
    expect(path.found).to.be.above(0)
  })
})
