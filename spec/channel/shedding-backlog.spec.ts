import { expect } from 'chai'
import { channelSetUp, cosmetic, critical, SMALL_LIMITS } from '../support/fakes/channel-set-up.ts'
import { rule } from '../support/fakes/envelopes.ts'

describe('SheddingBacklog', () => {
  describe('above high', () => {
    it('is congested, and admits cosmetic only in place of older ones', () => {
      const { channel, log } = channelSetUp()
      channel.offer(critical(1000), 0)
      const first = cosmetic(500)
      channel.offer(first, 0)
      channel.offer(cosmetic(500), 0)
      expect(channel.congested).to.equal(false)
      expect(channel.offer(cosmetic(400), 0)).to.equal('queued')
      expect(channel.congested).to.equal(true)
      expect([...channel.cosmetic]).to.not.include(first)
      expect(channel.buffered).to.be.at.most(SMALL_LIMITS.high)
      expect(log).to.deep.equal(['congested'])
    })

    it('stays congested while the client takes nothing, whatever there is room for', () => {
      const { channel, link, log } = channelSetUp({ horizon: 0 }, 'markers')
      link.handover = 10_000
      channel.offer(critical(1400), 0)
      for (let n = 0; n < 50; n++) channel.offer(cosmetic(700), n * 10)
      expect(log).to.deep.equal(['congested'])
      expect(channel.tally).to.include({ sent: 1, dropped: 50 })
    })

    it('is sent a cosmetic message of any size once it has caught up', () => {
      const { channel, link, log } = channelSetUp()
      expect(channel.offer(cosmetic(5000), 0)).to.equal('sent')
      expect(channel.offer(cosmetic(100), 1)).to.equal('dropped')
      link.deliver()
      expect(channel.offer(cosmetic(100), 2)).to.equal('sent')
      expect(channel.offer(cosmetic(5000), 3), 'behind another').to.equal('queued')
      link.deliver()
      channel.pump(4)
      expect(link.written.map(({ bytes }) => bytes)).to.deep.equal([5000, 100, 5000])
      expect(log.slice(0, 3)).to.deep.equal(['congested', 'recovered', 'congested'])
    })

    it('drops lower ranks first, and the newest where that is the policy', () => {
      const { channel } = channelSetUp()
      const [low, high] = [
        rule({ class: 'cosmetic', rank: -1 }),
        rule({ class: 'cosmetic', rank: 1, drop: 'newest' }),
      ]
      channel.offer(critical(1000), 0)
      channel.offer(cosmetic(500, { rule: high }), 0)
      channel.offer(cosmetic(400, { rule: low }), 0)
      expect(channel.offer(cosmetic(400, { rule: high }), 0)).to.equal('queued')
      expect([...channel.cosmetic].map((each) => each.rule)).to.deep.equal([high, high])
      expect(channel.offer(cosmetic(400, { rule: high }), 0)).to.equal('dropped')
    })

    it('recovers below low, not before, and tells what was shed', () => {
      const { channel, link, log, episodes } = channelSetUp()
      channel.offer(critical(1000), 0)
      for (let n = 0; n < 6; n++) channel.offer(cosmetic(400), 10)
      link.deliver()
      channel.pump(20)
      expect(channel.congested, 'at 800 of 1000 bytes').to.equal(false)
      expect(log).to.deep.equal(['congested', 'recovered'])
      expect(episodes[0]!.summary(20)).to.deep.equal({
        dropped: 4,
        conflated: 0,
        expired: 0,
        bytes: 1600,
        lasted: 10,
        events: { event: 4 },
      })
    })

    it('keeps every critical message', () => {
      const { channel } = channelSetUp()
      for (let n = 0; n < 60; n++) channel.offer(critical(100), 0)
      expect(channel.tally).to.include({ sent: 10, dropped: 0 })
      expect(channel.critical.messages).to.equal(50)
    })
  })

  it('leaves nothing expired in the queue of a client that takes nothing', () => {
    const { channel, episodes } = channelSetUp()
    channel.offer(critical(1000), 0)
    const [old, young] = [cosmetic(100, { at: 0 }), cosmetic(100, { at: 1500 })]
    channel.offer(old, 0)
    channel.offer(young, 1500)
    channel.inspect(2500)
    expect([...channel.cosmetic]).to.deep.equal([young])
    expect(channel.tally).to.include({ expired: 1 })
    expect(episodes).to.deep.equal([])
  })
})
