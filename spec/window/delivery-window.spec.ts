import { expect } from 'chai'
import fc from 'fast-check'
import { DeliveryWindow } from '../../lib/window/delivery-window.ts'
import { measured } from '../support/fakes/measured-window.ts'
import { often } from '../support/thorough.ts'

const OPERATIONS = often({ usually: 50_000, thoroughly: 200_000 })

const CEILING = 96 * 1024

describe('DeliveryWindow', () => {
  it('takes as proven what was written before the answered marker, and no more', () => {
    const window = new DeliveryWindow()
    window.written(1000, 0)
    const first = window.marked(0)
    window.written(500, 1)
    expect(window.inFlight).to.equal(1500)
    expect(window.answered(first, 10)).to.equal(true)
    expect(window.inFlight).to.equal(500)
  })

  it('takes an answer for all markers before it', () => {
    const window = new DeliveryWindow()
    window.written(1000, 0)
    window.marked(0)
    window.written(1000, 1)
    expect(window.answered(window.marked(1), 10)).to.equal(true)
    expect(window.inFlight).to.equal(0)
  })

  it('is not moved by an answer that is replayed, late or was never asked for', () => {
    const { window, now } = measured(50, 100)
    window.written(1000, now)
    const first = window.marked(now)
    window.written(1000, now)
    const second = window.marked(now)
    window.answered(second, now + 60)
    const { inFlight } = window
    const { rtt, rate } = window.path
    for (const sequence of [second, first, 0, -1, 1e6, Number.NaN, 1.5]) {
      expect(window.answered(sequence, now + 70), String(sequence)).to.equal(false)
    }
    expect(window.inFlight).to.equal(inFlight)
    expect(window.path).to.include({ rtt, rate })
  })

  it('leaves out what an answer waited here, and what its marker was written later', () => {
    for (const [gap, waited] of [
      [0, 2000],
      [2000, 0],
      [1000, 1000],
    ] as const) {
      const { window, now } = measured(50, 100)
      for (let n = 1; n <= 5; n++) {
        const later = now + n * 10_000
        window.written(2000, later)
        const sequence = window.marked(later + gap)
        window.hold()
        window.answered(sequence, later + gap + 20 + 50 + waited, waited)
      }
      expect(window.path.rate, `${gap}, ${waited}`).to.be.closeTo(100, 5)
    }
  })

  it('counts from when what waited for the event loop has left', () => {
    const { window, now } = measured(50, 100)
    for (let n = 1; n <= 5; n++) {
      const later = now + n * 10_000
      window.written(2000, later)
      window.left(2000, later + 2000)
      const sequence = window.marked(later + 2000)
      window.hold()
      window.answered(sequence, later + 2000 + 20 + 50)
    }
    expect(window.path.rate).to.be.closeTo(100, 5)
  })

  it('lets a path drain whose round trip is old, if something waits', () => {
    const { window, now } = measured(50, 100)
    const old = now + 20_000
    window.written(1000, old)
    expect(window.roomAt(1000, old, CEILING, true)).to.equal(Number.POSITIVE_INFINITY)
    expect(window.roomAt(1000, old, CEILING, false)).to.be.below(old + 20)
  })

  describe('when an answer is later than what is in flight explains', () => {
    /** @returns when the answer to a marker came that was so late, with a message behind it on its way */
    function late(by: number): { window: DeliveryWindow; now: number } {
      const { window, now } = measured(50, 100)
      window.written(4000, now)
      const first = window.marked(now)
      window.written(2000, now + by)
      window.marked(now + by)
      window.hold()
      window.answered(first, now + 40 + 50 + by)
      return { window, now: now + 40 + 50 + by }
    }

    it('lets nothing cosmetic go that waits until little is in flight', () => {
      const { window, now } = late(1000)
      expect(window.path.doubt).to.not.equal(undefined)
      expect(window.roomAt(1000, now, CEILING, true)).to.be.above(now)
      expect(window.roomAt(1000, now, CEILING, false)).to.be.below(Number.POSITIVE_INFINITY)
      window.answered(window.lastSequence, now + 1000)
      expect(window.hasRoom(1000, now + 1000, CEILING, true)).to.equal(true)
      expect(window.probeDue(now + 1000, true, 100)).to.equal(true)
    })

    it('takes the path for another one if that is as late with nothing in flight', () => {
      const { window, now } = late(1000)
      window.answered(window.lastSequence, now + 1000)
      window.answered(window.marked(now + 1000), now + 2050)
      expect(window.path.minRtt).to.equal(1050)
      expect(window.path.rate).to.equal(undefined)
      expect(window.path.doubt).to.equal(undefined)
      // what was carried in a round trip
      expect(window.size(1000, CEILING)).to.be.at.least(8 * 1024)
    })

    it('keeps the round trip if that is not late', () => {
      const { window, now } = late(1000)
      window.answered(window.lastSequence, now + 1000)
      window.answered(window.marked(now + 1000), now + 1052)
      expect(window.path.minRtt).to.equal(50)
      expect(window.path.doubt).to.equal(undefined)
      expect(window.path.rate).to.be.below(100)
    })

    it('does not doubt what is as late as a message takes', () => {
      const { window, now } = measured(50, 100)
      window.written(100_000, now)
      const sequence = window.marked(now)
      window.hold()
      window.answered(sequence, now + 1000 + 50)
      expect(window.path.doubt).to.equal(undefined)
    })

    it('leaves out what the answer waited here', () => {
      const { window, now } = measured(50, 100)
      window.written(1000, now)
      const sequence = window.marked(now)
      window.hold()
      window.answered(sequence, now + 10 + 50 + 1000, 1000)
      expect(window.path.doubt).to.equal(undefined)
    })

    it('gives up when nothing tells for four round trips', () => {
      const { window, now } = late(1000)
      let at = now
      for (let n = 0; n < 5; n++) {
        // always on their way: critical messages
        window.written(3000, at)
        const sequence = window.marked(at)
        window.written(3000, at + 999)
        window.marked(at + 999)
        at += 1000
        window.answered(sequence, at)
      }
      expect(window.path.doubt).to.equal(undefined)
      expect(window.path.minRtt).to.equal(50)
    })

    it('does not ask where what is in flight is all that may be: on polling', () => {
      const { window, now } = measured(50, 100)
      window.atOnce = true
      window.written(4000, now)
      const sequence = window.marked(now)
      window.hold()
      window.answered(sequence, now + 1000)
      expect(window.path.doubt).to.equal(undefined)
    })
  })

  it('tells no queue on the path while it does not know the rate', () => {
    const window = new DeliveryWindow()
    window.written(32, 0)
    window.answered(window.marked(0), 20)
    expect(window.path.rate).to.equal(undefined)
    window.written(200_000, 100)
    expect(window.queueDelay(100)).to.equal(0)
  })

  it('lets a message go when the path is about to be clear, before its answer is back', () => {
    const { window, now } = measured(50, 100)
    window.written(10_000, now)
    window.marked(now)
    const at = window.roomAt(10_000, now, CEILING)
    expect(at - now).to.be.within(90, 105)
  })

  it('waits for the answer of a message that is much longer than the round trip', () => {
    const { window, now } = measured(1, 10)
    window.written(10_000, now)
    window.marked(now)
    expect(window.roomAt(10_000, now + 1000, CEILING)).to.equal(Number.POSITIVE_INFINITY)
  })

  it('stops when an answer is overdue: the path has become slower', () => {
    const { window, now } = measured(50, 100)
    window.written(4000, now)
    window.marked(now)
    expect(window.hasRoom(1000, now + 60, CEILING)).to.equal(true)
    expect(window.hasRoom(1000, now + 500, CEILING)).to.equal(false)
  })

  it('tells its size in whole bytes', () => {
    expect(measured(50, 100).window.size(100, 1000.5)).to.equal(1001)
    expect(new DeliveryWindow().size(100, 1000.5)).to.equal(1001)
  })

  it('always lets one message go, of any size', () => {
    const window = new DeliveryWindow()
    expect(window.hasRoom(10 * CEILING, 0, CEILING)).to.equal(true)
    window.written(10 * CEILING, 0)
    expect(window.hasRoom(1, 0, CEILING)).to.equal(false)
  })

  it('lets a message go that is longer than all that may be in flight at first, behind a short one', () => {
    const window = new DeliveryWindow()
    window.answered(window.marked(0), 500)
    window.written(1000, 500)
    window.marked(500)
    expect(window.hasRoom(100_000, 500, 2 * 1024 * 1024)).to.equal(true)
    window.written(2000, 500)
    expect(window.hasRoom(100_000, 500, 2 * 1024 * 1024)).to.equal(false)
  })

  it('doubles what it allows each round trip while the rate is unknown and it was the limit', () => {
    const window = new DeliveryWindow()
    window.answered(window.marked(0), 0.1)
    const before = window.size(100, CEILING)
    for (const now of [1, 2]) {
      window.written(before, now)
      const sequence = window.marked(now)
      expect(window.hasRoom(100, now, CEILING)).to.equal(false)
      window.hold()
      window.answered(sequence, now + 0.1)
    }
    expect(window.path.rate).to.equal(undefined)
    expect(window.size(100, CEILING)).to.be.within(2 * before, 2.1 * before)
  })

  describe('of a client that polls', () => {
    /** @returns how much the last of so many responses had in it, of a message each 5 ms */
    function poll(window: DeliveryWindow, from: number, rtt: number, times: number): number {
      let now = from
      let bytes = 0
      for (let n = 0; n < times; n++) {
        const next = now + rtt
        for (bytes = 0; now < next; now += 5) {
          if (!window.hasRoom(2000, now, CEILING)) continue
          window.written(2000, now)
          bytes += 2000
        }
        window.hold()
        const sequence = window.marked(now)
        now += rtt
        window.answered(sequence, now)
      }
      return bytes
    }

    function polling(): DeliveryWindow {
      const window = new DeliveryWindow()
      window.atOnce = true
      window.answered(window.marked(0), 300)
      return window
    }

    it('counts what is written between two polls from the next one on', () => {
      const window = polling()
      poll(window, 1000, 300, 4)
      expect(window.path.rate).to.equal(undefined)
      expect(window.path.leastRate).to.be.above(100)
    })

    it('is sent one message a response where two would take the path long', () => {
      const window = polling()
      let now = 1000
      // 8 KB/s, and a round trip that was taken for 40 ms
      window.answered(window.marked(now), now + 40)
      for (let n = 0; n < 20; n++) {
        now += 100
        window.written(2000, now)
        expect(window.hasRoom(2000, now, CEILING)).to.equal(false)
        window.hold()
        const sequence = window.marked(now)
        now += 250
        window.answered(sequence, now)
      }
      expect(window.path.rate).to.be.within(7, 10)
    })

    it('is sent little at first, and then twice as much, or what the path carries soon', () => {
      const atFirst = (rate: number): number[] => {
        const window = polling()
        let now = 300
        return [1, 2, 3].map(() => {
          let bytes = 0
          for (; window.hasRoom(500, now, CEILING, false); bytes += 500) window.written(500, now)
          window.hold()
          now += 300 + bytes / rate
          window.answered(window.marked(now - 300 - bytes / rate), now)
          return bytes
        })
      }
      const [first, second] = atFirst(10)
      expect(first).to.be.within(500, 2048)
      expect(second).to.be.within(500, 4096)
      expect(atFirst(1000)[0]).to.equal(first)
      expect(atFirst(1000)[1]).to.be.above(8000)
    })

    it('soon measures the base again, by a response with one message', () => {
      const { window, now } = measured(300, 100)
      window.atOnce = true
      const later = now + 100
      window.written(1000, later)
      expect(window.hasRoom(1000, later, CEILING)).to.equal(false)
      window.answered(window.marked(later), later + 310)
      window.written(1000, later + 310)
      expect(window.hasRoom(1000, later + 310, CEILING)).to.equal(true)
    })

    /** A path of 1 MB/s and 5 ms, and three responses of 20 KB whose polls take so long. */
    function polled(lasted: number, late: number): DeliveryWindow {
      const { window, now } = measured(5, 1000)
      window.atOnce = true
      for (let at = now; at < now + 3 * lasted; at += lasted) {
        window.written(20_000, at)
        window.hold()
        window.answered(window.marked(at), at + lasted, late)
      }
      return window
    }

    it('puts the time in which this process was busy down to that, and not to the path', () => {
      expect(polled(300, 0).path.rate).to.be.below(200)
      expect(polled(300, 290).path.rate).to.be.closeTo(1000, 1)
      // it may have been busy while the path was, too
      expect(polled(2000, 1990).path.rate).to.be.below(200)
    })

    it('may respond with so much more while this process is late for its polls', () => {
      expect(polled(25, 0).size(0, 10 * CEILING)).to.be.below(30_000)
      expect(polled(125, 100).size(0, 10 * CEILING)).to.be.within(100_000, 120_000)
    })

    it('does not pace what leaves in one response', () => {
      const { window, now } = measured(300, 100)
      const count = () => {
        let messages = 0
        for (; window.hasRoom(500, now, CEILING, false); messages++) window.written(500, now)
        return messages
      }
      expect(count()).to.be.below(30)
      window.atOnce = true
      expect(count()).to.be.above(30)
    })
  })

  it('lets the first poll measure the round trip, not how long cosmetic messages take', () => {
    const window = new DeliveryWindow()
    window.atOnce = true
    const size = window.size(100, CEILING)
    window.written(10, 0)
    expect(window.hasRoom(100, 0, CEILING), 'before the first response').to.equal(false)
    const first = window.marked(0)
    expect(window.hasRoom(100, 0, CEILING), 'behind it').to.equal(true)
    window.hold()
    window.answered(first, 1)
    expect(window.size(100, CEILING)).to.equal(size)
  })

  describe('before anything is known of the path', () => {
    const CONNECT = 36

    it('needs no marker before the few bytes of a CONNECT: the one behind them measures the round trip', () => {
      const window = new DeliveryWindow()
      expect(window.probeDue(0, false, CONNECT)).to.equal(false)
      window.written(CONNECT, 0)
      expect(window.markerDue(0, false, CEILING)).to.equal(true)
      window.answered(window.marked(0), 30)
      expect(window.path.minRtt).to.equal(30)
      expect(window.path.clearRttAt).to.equal(30)
    })

    it('wants a marker before what is longer, and before what follows in the same turn', () => {
      const window = new DeliveryWindow()
      expect(window.probeDue(0, false, 2000)).to.equal(true)
      window.written(CONNECT, 0)
      expect(window.probeDue(0, false, CONNECT)).to.equal(true)
      window.marked(0)
      expect(window.probeDue(0, false, 2000)).to.equal(false)
    })

    it('holds nothing back that follows a CONNECT', () => {
      const window = new DeliveryWindow()
      window.written(CONNECT, 0)
      expect(window.hasRoom(100, 0, CEILING)).to.equal(true)
    })
  })

  it('calls a client blind that is heard past a marker it has not answered', () => {
    const window = new DeliveryWindow()
    window.written(100, 0)
    const sequence = window.marked(0)
    window.heardPast(0)
    expect(window.blind).to.equal(false)
    window.heardPast(1)
    expect(window.blind).to.equal(true)
    expect(window.hasRoom(CEILING, 1, CEILING)).to.equal(true)
    window.answered(sequence, 2)
    expect(window.blind, 'once it answers').to.equal(false)
  })

  it('calls a client blind that has answered nothing, though it is heard, for long enough', () => {
    const window = new DeliveryWindow()
    window.written(100, 0)
    window.marked(0)
    window.heard(10_000, 10_000)
    expect(window.blind).to.equal(false)
    window.heard(10_001, 10_000)
    expect(window.blind).to.equal(true)
  })

  it('gives the first marker the time that what is before it may take', () => {
    const window = new DeliveryWindow()
    window.written(1_000_000, 0)
    window.marked(0)
    window.heard(100_000, 10_000)
    expect(window.blind).to.equal(false)
    window.heard(1_000_000, 10_000)
    expect(window.blind).to.equal(true)
  })

  it('tells the age of critical messages whose receipt is proven', () => {
    const latencies: number[] = []
    const window = new DeliveryWindow()
    window.written(100, 100)
    window.marked(100, 0, 40)
    window.answered(window.marked(110), 150, 0, (latency) => latencies.push(latency))
    expect(latencies).to.deep.equal([110])
  })

  it('needs a marker for a healthy client rarely, for one that waits with every message', () => {
    const { window, now } = measured(1, 10_000, 40_000)
    let marks = 0
    for (let n = 0; n < 1000; n++) {
      window.written(2048, now + n / 10)
      if (!window.markerDue(now + n / 10, false, CEILING)) continue
      marks++
      window.answered(window.marked(now + n / 10), now + n / 10 + 1)
    }
    expect(marks).to.be.within(30, 100)
    window.written(2048, now + 200)
    expect(window.markerDue(now + 200, true, CEILING)).to.equal(true)
  })

  it(`keeps its accounts against a model, whatever comes, over ${OPERATIONS.toLocaleString('en')} operations`, () => {
    let operations = 0
    const step = fc.oneof(
      fc.record({
        name: fc.constant('write' as const),
        bytes: fc.integer({ min: 1, max: 50_000 }),
      }),
      fc.record({ name: fc.constant('mark' as const), behind: fc.nat({ max: 2000 }) }),
      // forged, replayed and reordered ones among them
      fc.record({ name: fc.constant('answer' as const), back: fc.integer({ min: -3, max: 5 }) }),
      fc.record({ name: fc.constant('wait' as const), milliseconds: fc.nat({ max: 3000 }) }),
      fc.record({ name: fc.constant('ask' as const), bytes: fc.integer({ min: 1, max: 90_000 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { minLength: 100, maxLength: 300, size: 'max' }), (steps) => {
        const window = new DeliveryWindow()
        let now = 0
        let written = 0
        let proven = 0
        const covered: number[] = []
        let answered = 0
        for (const each of steps) {
          operations++
          if (each.name === 'write') {
            window.written(each.bytes, now)
            written += each.bytes
          } else if (each.name === 'mark' && covered.length - answered < 32) {
            const sequence = window.marked(now, each.behind)
            covered.push(Math.max(covered.at(-1) ?? 0, written - each.behind))
            expect(sequence).to.equal(covered.length)
          } else if (each.name === 'answer') {
            const sequence = covered.length - each.back
            const fresh = sequence > answered && sequence <= covered.length
            expect(window.answered(sequence, now)).to.equal(fresh)
            if (fresh) {
              answered = sequence
              proven = covered[sequence - 1]!
            }
          } else if (each.name === 'wait') now += each.milliseconds
          else if (each.name === 'ask') {
            const room = window.hasRoom(each.bytes, now, CEILING)
            if (window.inFlight > 0 && window.inFlight + each.bytes > CEILING && room) {
              expect.fail('room above the ceiling')
            }
            expect(window.size(each.bytes, CEILING)).to.be.at.most(Math.max(CEILING, each.bytes))
          }
          expect(window.inFlight).to.equal(written - proven)
        }
      }),
      { seed: 20_261_124, numRuns: OPERATIONS / 125 },
    )
    expect(operations).to.be.greaterThan(OPERATIONS)
  })
})
