import { expect } from 'chai'
import { LossShare } from '../../lib/telemetry/loss-share.ts'

/** A client of which this much is offered in each second, and lost. */
function timeline(perSecond: ReadonlyArray<readonly [offered: number, lost: number]>, reads = 0) {
  let offered = 0
  let lost = 0
  const losses = new LossShare(0, 0, 0)
  perSecond.forEach(([more, of], second) => {
    for (let n = 0; n < more; n++) {
      const now = second * 1000 + (n * 1000) / more
      losses.note(offered, lost, now)
      offered++
      if (n < of) lost++
      for (let read = 0; read < reads; read++) losses.share(offered, lost, now)
    }
    for (let read = 0; read < reads; read++) losses.share(offered, lost, (second + 1) * 1000 - 1)
  })
  return (now: number) => losses.share(offered, lost, now)
}

const seconds = (count: number, offered: number, lost: number) =>
  Array.from({ length: count }, () => [offered, lost] as const)

describe('LossShare', () => {
  it('are a share of what was offered in the latest span and in the one before', () => {
    const share = timeline([...seconds(10, 10, 10), ...seconds(8, 10, 5)])
    // the latest span began after 15 s, the one before after 10
    expect(share(18_000)).to.equal(0.5)
    // and this one, in which nothing was offered, after 20
    expect(share(20_500)).to.equal(0.5)
    expect(share(25_000)).to.equal(0)
  })

  it('tell nothing of the first two seconds', () => {
    const share = timeline(seconds(1, 10, 10))
    expect(share(1999)).to.equal(0)
    expect(share(2000)).to.equal(1)
  })

  it('begin anew when for longer than a span nothing was offered', () => {
    const share = timeline([...seconds(3, 10, 10), ...seconds(9, 0, 0), ...seconds(3, 10, 2)])
    expect(share(13_999)).to.equal(0)
    expect(share(14_500)).to.be.closeTo(0.2, 0.001)
  })

  for (const [what, history] of Object.entries({
    'of one that loses all': seconds(23, 10, 10),
    'of one that loses less and less': seconds(23, 20, 0).map(
      ([offered], second) => [offered, Math.max(0, 20 - second)] as const,
    ),
    'of one that is offered something now and then': seconds(4, 10, 7).flatMap((each) => [
      each,
      ...seconds(5, 0, 0),
    ]),
  })) {
    it(`are the same whether they are asked for or not, ${what}`, () => {
      for (let length = 1; length <= history.length; length++) {
        const unread = timeline(history.slice(0, length))
        const read = timeline(history.slice(0, length), 3)
        for (const later of [0, 1000, 4000, 6000, 11_000]) {
          const now = length * 1000 + later
          const share = unread(now)
          expect(read(now), `after ${now} ms`).to.equal(share)
          expect(unread(now), `after ${now} ms, again`).to.equal(share)
        }
      }
    })
  }
})
