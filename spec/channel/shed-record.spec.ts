import { expect } from 'chai'
import { ShedRecord } from '../../lib/channel/shed-record.ts'
import { DeliveryWindow } from '../../lib/window/delivery-window.ts'
import { envelope, rule } from '../support/fakes/envelopes.ts'

const window = new DeliveryWindow()
const frames = rule({ class: 'cosmetic' }, 'frames')

describe('ShedRecord', () => {
  it('tells the latest message that was shed, and sums up the episode', () => {
    const record = new ShedRecord()
    record.shed(envelope({ rule: frames, at: 10 }), 'expired', 5000, window, 40)
    record.shed(envelope({ rule: frames, at: 30 }), 'dropped', 5000, window, 50)
    expect(record.lastShed).to.deep.equal({
      event: 'frames',
      namespace: '/',
      outcome: 'dropped',
      at: 50,
      age: 20,
      pathNeed: null,
    })
    expect(record.episode?.summary(60)).to.deep.include({ expired: 1, dropped: 1, lasted: 20 })
  })

  it('tells how long the path needs, if its rate is known', () => {
    const record = new ShedRecord()
    const known = { path: { rate: 10 }, lastSequence: 0 } as unknown as DeliveryWindow
    record.shed(envelope({ rule: frames }), 'dropped', 5000, known, 0)
    expect(record.lastShed?.pathNeed).to.equal(500)
  })

  it('tells the share that was lost of what was offered lately', () => {
    const record = new ShedRecord()
    let sent = 0
    const lose = (now: number) => {
      record.noteLoss(sent, now)
      record.tally.count('dropped', 100)
    }
    const send = (now: number) => {
      record.noteSent(sent, now)
      sent++
    }
    expect(record.lossShare(sent, 0)).to.equal(0)
    for (let now = 0; now < 4000; now += 100) now % 400 === 0 ? lose(now) : send(now)
    expect(record.lossShare(sent, 4000)).to.be.closeTo(0.25, 0.03)
    for (let now = 4000; now < 20_000; now += 100) send(now)
    expect(record.lossShare(sent, 20_000)).to.equal(0)
  })

  it('counts what mode observe would have shed, too', () => {
    const { tally } = new ShedRecord()
    const record = new ShedRecord()
    record.tally.countObserved(100)
    record.tally.count('conflated', 100)
    record.tally.count('undelivered', 100)
    expect([record.shedMessages, tally.shed]).to.deep.equal([2, 0])
  })

  it('counts how often the client has left congestion', () => {
    const record = new ShedRecord()
    expect(record.drains).to.equal(undefined)
    record.drained(0)
    record.drained(10)
    expect(record.drains?.count).to.equal(2)
  })
})
