import { expect } from 'chai'
import { Ledger } from '../../lib/ledger.ts'
import { Backlog } from '../../lib/link/backlog.ts'

describe('Backlog', () => {
  function filled(count: number) {
    const ledger = new Ledger()
    const backlog = new Backlog(ledger)
    for (let n = 0; n < count; n++) backlog.add({ bytes: 10, holders: 0 })
    return { ledger, backlog }
  }

  it('holds the latest that make up what is outstanding, whole', () => {
    const { ledger, backlog } = filled(10)
    backlog.keep(100)
    expect(ledger.bytes).to.equal(100)
    backlog.keep(41)
    expect(ledger.bytes).to.equal(50)
    backlog.keep(40)
    expect(ledger.bytes).to.equal(40)
    backlog.add({ bytes: 5, holders: 0 })
    backlog.keep(6)
    expect(ledger.bytes).to.equal(15)
    backlog.keep(0)
    expect(ledger.bytes).to.equal(0)
  })

  // an array that is shifted takes 20 s for as many
  it('lets go of one item after the other however many there are', function () {
    this.timeout(5000)
    const { ledger, backlog } = filled(100_000)
    for (let outstanding = 1_000_000; outstanding >= 0; outstanding -= 10) {
      backlog.keep(outstanding)
      expect(ledger.bytes === outstanding).to.equal(true)
    }
  })
})
