import { expect } from 'chai'
import { Markers } from '../../lib/window/markers.ts'

/** The bookkeeping alone, without a path. */
class Bookkeeping extends Markers {
  write(bytes: number, now: number, rested = false): void {
    this.count(bytes, now, rested)
  }

  mark(now: number, behind = 0, clearAt?: number): number {
    return this.append(now, behind, false, clearAt, undefined)
  }

  answer(sequence: number, now: number, waited = 0) {
    return this.prove(sequence, now, waited)
  }
}

describe('Markers', () => {
  let markers: Bookkeeping

  beforeEach(() => {
    markers = new Bookkeeping()
  })

  it('prove by one answer everything that was written before their marker', () => {
    markers.write(1000, 0)
    markers.mark(0)
    markers.write(500, 10)
    const second = markers.mark(10)
    markers.write(200, 20)
    expect(markers.inFlight).to.equal(1700)
    expect(markers.waitsSince).to.equal(0)
    expect(markers.awaited).to.equal(1000)
    const proof = markers.answer(second, 100)!
    expect(proof).to.include({ now: 100, at: 10, bytes: 1500, ahead: 1500, idle: false })
    expect(markers.inFlight).to.equal(200)
    expect(markers.waitsSince).to.equal(undefined)
  })

  it('are answered once, and only if they were written', () => {
    markers.write(1000, 0)
    const first = markers.mark(0)
    expect(markers.answer(first + 1, 10)).to.equal(undefined)
    expect(markers.answer(first, 10)).to.include({ bytes: 1000 })
    expect(markers.answer(first, 20)).to.equal(undefined)
    expect(markers.answer(Number.NaN, 20)).to.equal(undefined)
    expect(markers.inFlight).to.equal(0)
  })

  it('leave what the transport holds back to the next one', () => {
    markers.write(1000, 0)
    markers.write(400, 0)
    const first = markers.mark(0, 400)
    const second = markers.mark(50)
    expect(markers.answer(first, 60)).to.include({ bytes: 1000, ahead: 1000 })
    expect(markers.answer(second, 70)).to.include({ bytes: 400 })
    expect(markers.inFlight).to.equal(0)
  })

  it('tell the last run that was written without a rest', () => {
    markers.write(1000, 0)
    markers.mark(0, 0, 1000)
    markers.write(400, 10)
    markers.write(300, 500, true)
    const sequence = markers.mark(510)
    expect(markers.answer(sequence, 600)).to.include({ bytes: 1700, run: 300, since: 500 })
  })

  it('tell how long before its answer the last byte may have arrived', () => {
    markers.write(1000, 0)
    const sequence = markers.mark(30)
    expect(markers.answer(sequence, 100, 7)).to.include({ slack: 37, late: 0 })
  })

  it('take at most half a second of a poll for a delay of this process', () => {
    markers.atOnce = true
    markers.write(1000, 0)
    const first = markers.mark(0)
    expect(markers.answer(first, 100, 7.6)).to.include({ slack: 7, late: 7 })
    markers.write(1000, 100)
    const second = markers.mark(100)
    expect(markers.answer(second, 2000, 1500)).to.include({ late: 500 })
  })

  it('tell once that something had to wait', () => {
    markers.hold()
    markers.write(1000, 0)
    const first = markers.mark(0)
    expect(markers.answer(first, 10)).to.include({ limited: true })
    markers.write(1000, 20)
    const second = markers.mark(20)
    expect(markers.answer(second, 30)).to.include({ limited: false })
  })

  it('expect no answer after they were given up', () => {
    markers.write(1000, 0)
    const sequence = markers.mark(0)
    markers.giveUp()
    expect(markers.blind).to.equal(true)
    expect(markers.waitsSince).to.equal(undefined)
    expect(markers.answer(sequence, 10)).to.equal(undefined)
    expect(markers.inFlight).to.equal(1000)
    const next = markers.mark(20)
    expect(markers.answer(next, 30)).to.include({ bytes: 1000 })
    expect(markers.blind).to.equal(false)
  })

  it('of another transport are no sign that the client answers on this one', () => {
    const first = markers.mark(0)
    markers.answer(first, 10)
    expect(markers.isAnswered).to.equal(true)
    markers.upgraded()
    expect(markers.isAnswered).to.equal(false)
    expect(markers.hasAnsweredPast(first)).to.equal(false)
    markers.answer(markers.mark(20), 30)
    expect(markers.isAnswered).to.equal(true)
    expect(markers.hasAnsweredPast(first)).to.equal(true)
  })

  it('are answered by nobody who was heard from behind an open one', () => {
    markers.mark(100)
    markers.heardPast(100)
    expect(markers.blind).to.equal(false)
    markers.heardPast(101)
    expect(markers.blind).to.equal(true)
  })
})
