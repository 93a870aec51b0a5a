import { expect } from 'chai'
import { EventPlaces } from '../../lib/admin/event-places.ts'
import type { EventReader } from '../../lib/admin/event-reader.ts'

interface FakeReader {
  readonly address: string
  progressAt: number
  look(now: number): void
}

describe('EventPlaces', () => {
  let places: EventPlaces
  let readers: FakeReader[]

  beforeEach(() => {
    places = new EventPlaces()
    readers = []
  })

  /** A reader that keeps up, but for those that are stuck since a time. */
  function add(address: string, stuckSince?: number): FakeReader {
    const reader: FakeReader = {
      address,
      progressAt: stuckSince ?? 0,
      look(now) {
        if (stuckSince === undefined) this.progressAt = now
      },
    }
    readers.push(reader)
    places.add(reader as unknown as EventReader)
    return reader
  }

  it('are full with 32 readers', () => {
    for (let n = 0; n < 31; n++) add('a')
    expect(places.full).to.equal(false)
    const last = add('a')
    expect(places.full).to.equal(true)
    places.delete(last as unknown as EventReader)
    expect(places).to.include({ full: false, size: 31 })
  })

  it('are taken first from the slow reader that has made no progress for longest', () => {
    for (let n = 0; n < 30; n++) add('many')
    add('one', 500)
    const slowest = add('another', 400)
    expect(places.displaced(3000)).to.equal(slowest)
    // two seconds make a reader slow
    expect(places.displaced(2399)).to.equal(readers[0])
  })

  it('are taken then from the oldest reader of the address with the most', () => {
    add('one')
    const oldest = add('many')
    add('many')
    add('one more')
    expect(places.displaced(1)).to.equal(oldest)
  })

  it('are taken from those that keep up eight times at once, then once a second', () => {
    add('a')
    const displaced = (now: number) => places.displaced(now) !== undefined
    for (let n = 0; n < 8; n++) expect(displaced(10_000)).to.equal(true)
    expect(displaced(10_000)).to.equal(false)
    expect(displaced(10_999)).to.equal(false)
    expect(displaced(11_000)).to.equal(true)
    expect(displaced(11_000)).to.equal(false)
    // no more are saved up than those eight
    for (let n = 0; n < 8; n++) expect(displaced(100_000)).to.equal(true)
    expect(displaced(100_000)).to.equal(false)
  })

  it('of readers without progress for a minute are those of the dead', () => {
    add('a')
    const dead = add('b', 1000)
    add('c', 1001)
    expect([...places.dead(61_000)]).to.deep.equal([dead])
  })
})
