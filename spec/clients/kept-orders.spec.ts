import { expect } from 'chai'
import { KeptOrders, type Place } from '../../lib/clients/kept-orders.ts'
import { fakeClock } from '../support/fakes/fake-clock.ts'
import { fakeTimers } from '../support/fakes/fake-timers.ts'

const MINUTE = 60_000

/** Places of so many clients, all of them alike. */
function standings(places: number) {
  return {
    ids: Array<string>(places).fill('a-1'),
    figures: new Float64Array(places),
  }
}

function setUp() {
  const clock = fakeClock()
  const orders = new KeptOrders(clock)
  /** Whether the order is found for a page that begins at a place. */
  const finds = (order: string | undefined, place: Place = { figure: 0, id: 'a-1' }) =>
    orders.find({ ...place, order }, 'any') !== undefined
  return { clock, orders, finds }
}

describe('KeptOrders', () => {
  it('finds an order as it was when it was kept, by its name and its query', () => {
    const { orders } = setUp()
    const ids = ['a-1', 'a-2']
    const figures = new Float64Array([2, 1])
    const name = orders.keep('congested', { ids, figures })
    ids.pop()
    figures.fill(0)
    const start = { figure: 2, id: 'a-1', order: name }
    const found = orders.find(start, 'congested')!
    expect(found.ids).to.deep.equal(['a-1', 'a-2'])
    expect(Array.from(found.figures)).to.deep.equal([2, 1])
    expect(orders.find(start, 'losing'), 'of another query').to.equal(undefined)
    expect(orders.find({ ...start, order: 'x' }, 'congested')).to.equal(undefined)
    expect(orders.find({ ...start, order: undefined }, 'congested')).to.equal(undefined)
    orders.close()
  })

  it('keeps an order for a minute after the furthest page, whatever pages are loaded again', () => {
    const { orders, clock, finds } = setUp()
    const name = orders.keep('any', standings(10))
    const pages = [
      { figure: 9, id: 'a-2' },
      { figure: 9, id: 'a-3' },
      { figure: 8, id: 'a-1' },
    ]
    for (const page of pages) {
      clock.advance(MINUTE - 1)
      expect(finds(name, page), `${page.figure} ${page.id}`).to.equal(true)
    }
    clock.advance(MINUTE - 1)
    for (const page of pages) expect(finds(name, page), 'again').to.equal(true)
    clock.advance(1)
    expect(finds(name, { figure: 1, id: 'a-1' })).to.equal(false)
    orders.close()
  })

  it('keeps thirty-two, and evicts those first in which nobody has gone on', () => {
    const { orders, finds } = setUp()
    const paged = orders.keep('any', standings(10))
    expect(finds(paged)).to.equal(true)
    const names = Array.from({ length: 40 }, () => orders.keep('any', standings(10)))
    expect(orders.size).to.equal(32)
    expect(finds(paged), 'the oldest, with a further page').to.equal(true)
    expect(finds(names[8]), 'evicted').to.equal(false)
    expect(finds(names[9])).to.equal(true)
    orders.close()
  })

  it('evicts the least recently used where somebody has gone on in all', () => {
    const { orders, finds } = setUp()
    const names = Array.from({ length: 32 }, () => orders.keep('any', standings(10)))
    for (const name of names) finds(name, { figure: 5, id: 'a-1' })
    finds(names[0], { figure: 4, id: 'a-1' })
    orders.keep('any', standings(10))
    expect(names.map((name) => finds(name)).indexOf(false)).to.equal(1)
    orders.close()
  })

  it('keeps a million places at most, of all orders together', () => {
    const { orders, finds } = setUp()
    const first = orders.keep('any', standings(600_000))
    const second = orders.keep('any', standings(400_000))
    expect([finds(first), finds(second)]).to.deep.equal([true, true])
    const third = orders.keep('any', standings(400_000))
    expect([finds(first), finds(second), finds(third)]).to.deep.equal([false, true, true])
    // one alone may be longer: there are so many clients
    const long = orders.keep('any', standings(1_200_000))
    expect([finds(second), finds(third), finds(long)]).to.deep.equal([false, false, true])
    orders.close()
  })

  it('forgets orders in a minute or two though nobody asks, and has no timer then', () => {
    const timers = fakeTimers('setInterval', 'clearInterval')
    try {
      const { orders, clock } = setUp()
      orders.keep('any', standings(10))
      orders.keep('any', standings(10))
      expect(timers.countTimers()).to.equal(1)
      for (let minute = 0; minute < 2; minute++) {
        clock.advance(MINUTE)
        timers.tick(MINUTE)
      }
      expect([orders.size, timers.countTimers()]).to.deep.equal([0, 0])
      orders.keep('any', standings(10))
      orders.close()
      expect([orders.size, timers.countTimers()]).to.deep.equal([0, 0])
      expect(orders.keep('any', standings(10)), 'closed').to.equal(undefined)
    } finally {
      timers.restore()
    }
  })

  it('keeps no process alive', () => {
    const keeping = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = keeping()
    const { orders } = setUp()
    orders.keep('any', standings(10))
    const after = keeping()
    orders.close()
    expect(after).to.equal(before)
  })
})
