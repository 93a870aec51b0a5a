import { expect } from 'chai'
import { type Measured, measure, type Place, run } from '../support/paths/grid.ts'
import { often } from '../support/thorough.ts'

const RTTS = [1, 10, 50, 100, 300, 600]
const BYTES = [100, 2048, 20_000, 200_000]
/** Messages that the path could carry in one run at most, so that the whole grid takes a minute. */
const MOST_MESSAGES = often({ usually: 5000, thoroughly: 20_000 })
/** What may be in flight at first. */
const START = 8192

describe('The window on a simulated path', function () {
  this.timeout(240_000)

  for (const kbit of [20, 100, 1000, 10_000, 100_000, 1_000_000]) {
    it(`keeps the queue short and the path busy at ${kbit} kbit/s`, () => {
      const failures: string[] = []
      for (const place of places(kbit)) check(failures, place, steady(place), 0.9)
      expect(failures).to.deep.equal([])
    })
  }

  for (const kbit of [20, 100, 1000, 10_000]) {
    it(`does so at ${kbit} kbit/s with jitter of a tenth of the round trip`, () => {
      const failures: string[] = []
      for (const place of places(kbit)) {
        // jitter blurs the time of a message that is shorter, and two edges move by it
        if (place.bytes / (kbit / 8) < place.rtt / 100) continue
        const measured = steady({ ...place, jitter: 0.1 })
        const allowed = measured.allowed * 1.15
        check(failures, place, { ...measured, allowed }, 0.8)
      }
      expect(failures).to.deep.equal([])
    })
  }

  for (const kbit of [200, 1000, 10_000, 100_000, 1_000_000]) {
    it(`follows a tenth of ${kbit} kbit/s and back within 10 round trips and 2 s`, () => {
      const failures: string[] = []
      for (const place of places(kbit)) {
        const { down, up } = changing(place)
        check(failures, place, down, 0.9)
        check(failures, place, up, 0.9)
      }
      expect(failures).to.deep.equal([])
    })
  }
})

/** Without those at which a dozen round trips are too many messages to simulate. */
function places(kbit: number): Place[] {
  return RTTS.flatMap((rtt) => BYTES.map((bytes) => ({ kbit, rtt, bytes }))).filter(
    ({ rtt, bytes }) => (12 * rtt * kbit) / 8 / bytes < MOST_MESSAGES,
  )
}

function steady(place: Place): Measured {
  const simulated = run(place)
  const { lasts, rate } = simulated
  const started = 5 * lasts + 30 * place.rtt + (2 * START) / rate
  const span = Math.max(20 * lasts, 12 * place.rtt, Math.min(2000, MOST_MESSAGES * lasts))
  return measure(simulated, place, started, started + span)
}

function changing(place: Place): { down: Measured; up: Measured } {
  const simulated = run(place, 0.1)
  const { simulation, link, lasts, rate } = simulated
  // what is in flight when the rate drops takes ten times as long, 12 to 15 round trips: from a
  // round trip of 400 ms on that is more than 10 of them and 2 s
  const settle = Math.max(10 * place.rtt + 2000, 16 * place.rtt)
  const drop = Math.max(3000, 5 * lasts + 10 * place.rtt + (2 * START) / rate)
  const back = drop + settle + Math.max(100 * lasts, 20 * place.rtt, second(lasts))
  simulation.run(drop)
  link.setRate(rate / 10)
  const down = measure(simulated, place, drop + settle, back)
  link.setRate(rate)
  const end = back + settle + Math.max(20 * lasts, 20 * place.rtt, second(lasts))
  return { down, up: measure(simulated, place, back + settle, end) }
}

/** Long enough that the pause for a measurement of the round trip, every five, weighs little. */
function second(lasts: number): number {
  return Math.min(1000, MOST_MESSAGES * lasts)
}

function check(failures: string[], place: Place, measured: Measured, least: number): void {
  const { queue, allowed, utilisation } = measured
  if (queue <= allowed && Math.round(utilisation * 100) >= least * 100) return
  failures.push(
    `rtt ${place.rtt} ms, ${place.bytes} bytes: queue ${queue.toFixed(1)} of ${allowed.toFixed(1)} ms, ` +
      `utilisation ${utilisation.toFixed(2)}`,
  )
}
