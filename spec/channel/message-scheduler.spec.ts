import { expect } from 'chai'
import { channelSetUp, cosmetic, critical, SMALL_LIMITS } from '../support/fakes/channel-set-up.ts'

describe('MessageScheduler', () => {
  it('writes at once what a client that keeps up is sent', () => {
    const { channel, link } = channelSetUp()
    expect([channel.offer(critical(), 0), channel.offer(cosmetic(), 0)]).to.deep.equal([
      'sent',
      'sent',
    ])
    expect(link.written).to.have.length(2)
  })

  it('conflates in place, and expires what is too old when its turn comes', () => {
    const { channel, link } = channelSetUp()
    channel.offer(critical(1000), 0)
    channel.offer(cosmetic(100, { key: 'a', at: 0 }), 0)
    const [newer, other] = [cosmetic(100, { key: 'a', at: 1500 }), cosmetic(100, { at: 0 })]
    channel.offer(other, 0)
    expect(channel.offer(newer, 1500)).to.equal('conflated')
    expect([...channel.cosmetic]).to.deep.equal([newer, other])
    link.deliver()
    channel.pump(2500)
    expect(link.written.slice(1)).to.deep.equal([newer])
    expect(channel.tally).to.include({ conflated: 1, expired: 1 })
  })

  it('sends in mode observe what it would have dropped, and counts it', () => {
    const { channel, link } = channelSetUp({ mode: 'observe' })
    for (let n = 0; n < 5; n++) channel.offer(cosmetic(600), 0)
    expect(link.written).to.have.length(5)
    expect(channel.tally).to.include({ sent: 5, dropped: 0, observed: 2 })
  })

  it('ends above the emergency cap if nothing is taken, and takes nothing afterwards', () => {
    const { channel, link } = channelSetUp()
    let verdict = ''
    for (let n = 0; n < 100 && verdict !== 'refused'; n++) {
      verdict = channel.offer(critical(100), n * 20)
    }
    expect(channel.closedBy).to.equal('emergency')
    expect(link.terminated).to.equal(1)
    // with what may be buffered for a client that has caught up
    expect(channel.buffered).to.be.within(
      SMALL_LIMITS.emergency,
      SMALL_LIMITS.emergency + SMALL_LIMITS.low + 100,
    )
    expect(channel.offer(critical(), 0)).to.equal('refused')
  })

  it('does not end who has answered at once before, and now is busy for a moment', () => {
    const { channel, link } = channelSetUp({}, 'markers')
    channel.offer(critical(), 0)
    link.deliver()
    channel.answered(link.marks.at(-1)!, 1)
    for (let n = 0; n < 4; n++) channel.offer(critical(SMALL_LIMITS.emergency), 2 + n * 50)
    expect(channel.closedBy).to.equal(undefined)
    channel.offer(critical(), 1000)
    expect(channel.closedBy).to.equal('emergency')
  })
})
