import { expect } from 'chai'
import { type Cell, HEALTHY, MOVING, SATURATED } from '../support/paths/cells.ts'
import { isNoisy, type Outcome, play } from '../support/paths/play.ts'

const SEEDS = [1, 2, 3, 4, 5]
/** So much later a critical message may be than without the plugin, milliseconds. */
const LATER = 50

interface Played {
  readonly mean: (figure: (outcome: Outcome) => number) => number
  readonly worst: (figure: (outcome: Outcome) => number) => number
}

function playAll(cell: Cell): Played {
  // where nothing is random, one is as good as five
  const seeds = isNoisy(cell) ? SEEDS : [1]
  const outcomes = seeds.map((seed) => play(cell, {}, seed))
  return {
    mean: (figure) => outcomes.reduce((sum, each) => sum + figure(each), 0) / outcomes.length,
    worst: (figure) => Math.max(...outcomes.map(figure)),
  }
}

/** Shares that may be lost of a path that carries its load: mean, worst seed, and mean at first. */
function allowedLoss(cell: Cell): { mean: number; worst: number; start: number } {
  if (!isNoisy(cell)) return { mean: 0.001, worst: 0.001, start: 0.05 }
  if ((cell.jitter ?? 0) >= 300) return { mean: 0.05, worst: 0.1, start: 0.15 }
  return { mean: 0.01, worst: 0.05, start: 0.15 }
}

describe('A client whose path carries what it is sent', function () {
  this.timeout(30_000)

  for (const cell of HEALTHY) {
    it(`loses nothing: ${cell.name}`, () => {
      const { mean, worst } = playAll(cell)
      const allowed = allowedLoss(cell)
      expect(
        mean(({ lost }) => lost),
        'mean after 2 s',
      ).to.be.at.most(allowed.mean)
      expect(
        worst(({ lost }) => lost),
        'worst after 2 s',
      ).to.be.at.most(allowed.worst)
      expect(
        mean(({ lostAtStart }) => lostAtStart),
        'first 2 s',
      ).to.be.at.most(allowed.start)
      // observe sends everything, as plain Socket.IO does
      const plain = play(cell, { mode: 'observe' })
      const p99 = mean(({ criticalP99 }) => criticalP99)
      expect(p99, 'critical').to.be.at.most(1.5 * plain.criticalP99 + LATER)
    })
  }
})

describe('A client that moves to another path while it is connected', function () {
  this.timeout(30_000)

  for (const cell of MOVING) {
    it(`loses hardly anything, and nothing once it is used to it: ${cell.name}`, () => {
      const { mean, worst } = playAll(cell)
      // an answer that comes later than `horizon` looks like none
      expect(
        mean(({ lostAtMove }) => lostAtMove),
        'first 2 s and 10 round trips',
      ).to.be.at.most(0.05)
      expect(
        worst(({ lost }) => lost),
        'after them',
      ).to.be.at.most(0.001)
      const plain = play(cell, { mode: 'observe' })
      const p99 = mean(({ criticalP99 }) => criticalP99)
      expect(p99, 'critical').to.be.at.most(1.5 * plain.criticalP99 + LATER)
    })
  }
})

/** Critical p99 that a slow link had with bytes alone, by measurement: 370 ms at RTT 2, 594 at 300. */
function limitOf({ bytes, criticalBytes = bytes, kbit, rtt = 0 }: Cell): number {
  return 2.25 * (Math.max(bytes, criticalBytes) / (kbit / 8)) + 0.75 * rtt + 25
}

describe('A client whose path does not carry what it is sent', function () {
  this.timeout(30_000)

  for (const cell of SATURATED.filter((each) => !each.changes)) {
    it(`is sent critical messages soon, and the path is used: ${cell.name}`, () => {
      const { mean } = playAll(cell)
      const { jitter = 0, bunch = 0, loss, bucket, bytes } = cell
      const p99 = mean(({ criticalP99 }) => criticalP99)
      const utilisation = mean((outcome) => outcome.utilisation)
      if (isNoisy(cell)) {
        const span = 2 * (jitter + bunch) + (loss?.stall ?? 0)
        // at first, answers that come at one instant are taken for those of a fast path
        const start = bunch > 0 ? 300 : 0
        expect(p99).to.be.at.most(3 * limitOf(cell) + 2 * span + start)
        expect(utilisation).to.be.at.least(0.85)
      } else {
        // what passes at once after a rest hides the rate of the first message
        expect(p99).to.be.at.most((bucket ? 2 : 1.5) * limitOf(cell) + 25)
        // of messages as long as `high`, none may wait while another one is on its way
        expect(utilisation).to.be.at.least(bytes > 100_000 ? 0.88 : 0.92)
      }
    })
  }

  for (const cell of SATURATED.filter((each) => each.changes)) {
    it(`is so again soon after its rate has changed: ${cell.name}`, () => {
      const { mean } = playAll(cell)
      const [, to] = cell.changes!.at(-1)!
      // what may be in flight when the rate drops has to go first
      const { kbit, rtt = 0, jitter = 0 } = cell
      const ahead = to < kbit ? (kbit / to) * (rtt + 25 + 4 * jitter) : 0
      const p99 = mean(({ criticalP99 }) => criticalP99)
      expect(p99).to.be.at.most(ahead + 1.5 * limitOf({ ...cell, kbit: Math.min(kbit, to) }))
      if (to < cell.kbit) expect(mean(({ utilisation }) => utilisation)).to.be.at.least(0.85)
      else expect(mean(({ lost }) => lost)).to.be.at.most(0.25)
    })
  }
})
