import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect } from 'chai'
import { channelSetUp, cosmetic, critical } from '../support/fakes/channel-set-up.ts'
import { criticalRule, envelope, rule } from '../support/fakes/envelopes.ts'

describe('MessageSender', () => {
  it('sends critical ones first, and each class in its order', () => {
    const { channel, link } = channelSetUp()
    channel.offer(critical(900), 0)
    const queued = [cosmetic(200), critical(200), cosmetic(200), critical(200)]
    for (const each of queued) channel.offer(each, 0)
    for (let n = 0; n < 4; n++) {
      link.deliver()
      channel.pump(0)
    }
    const [a, b, c, d] = queued
    expect(link.written.slice(1)).to.deep.equal([b, d, a, c])
  })

  describe('of cosmetic messages of several ranks', () => {
    const [low, high] = [
      rule({ class: 'cosmetic', rank: -1 }),
      rule({ class: 'cosmetic', rank: 1, maxAge: 60_000 }),
    ]

    it('sends the highest first, and each rank in its order, behind critical ones', () => {
      const { channel, link } = channelSetUp()
      channel.offer(critical(900), 0)
      const [a, b, c, d, e] = [
        cosmetic(200, { rule: low }),
        cosmetic(200),
        cosmetic(200, { rule: high }),
        critical(200),
        cosmetic(200, { rule: high }),
      ]
      for (const each of [a, b, c, d, e]) channel.offer(each!, 0)
      for (let n = 0; n < 5; n++) {
        link.deliver()
        channel.pump(0)
      }
      expect(link.written.slice(1)).to.deep.equal([d, c, e, b, a])
    })

    it('lets those expire by their own age whose turn does not come', () => {
      const { channel, link } = channelSetUp()
      channel.offer(critical(1000), 0)
      channel.offer(cosmetic(100, { rule: low, at: 0 }), 0)
      channel.offer(cosmetic(100, { rule: low, at: 1000 }), 1000)
      for (let n = 0; n < 3; n++) channel.offer(cosmetic(200, { rule: high, at: 1000 }), 1000)
      link.handover = 200
      link.deliver()
      channel.pump(2001)
      expect(link.written.slice(1).map((each) => each.rule)).to.deep.equal([high])
      expect([...channel.cosmetic].map((each) => each.rule)).to.deep.equal([high, high, low])
      expect(channel.tally).to.include({ expired: 1 })
    })

    it('sends what a DISCONNECT promotes in that order', () => {
      const { channel, link } = channelSetUp()
      channel.offer(critical(1000), 0)
      const [a, b] = [cosmetic(100, { rule: low }), cosmetic(100, { rule: high })]
      channel.offer(a, 0)
      channel.offer(b, 0)
      const [disconnect, later] = [envelope({ rule: criticalRule, kind: 'disconnect' }), critical()]
      channel.offer(disconnect, 0)
      channel.offer(later, 0)
      link.deliver()
      channel.pump(0)
      expect(link.written.slice(1)).to.deep.equal([b, a, disconnect, later])
    })
  })

  it('tells the latency of critical messages, of a sample where there are many', () => {
    const { link, channel, meters } = channelSetUp({}, 'markers')
    const answer = (now: number) => {
      link.deliver()
      channel.answered(link.marks.at(-1)!, now)
    }
    channel.offer(critical(), 0)
    answer(10)
    expect(meters.latency).to.include({ count: 1, sum: 10 })
    channel.offer(envelope({ rule: criticalRule, at: 1000 }), 1000)
    answer(1020)
    expect(meters.latency).to.include({ count: 2, sum: 30 })
    for (let n = 0; n < 1000; n++) {
      channel.offer(critical(), 1100)
      answer(1100)
    }
    expect(meters.latency.count).to.be.within(100, 202)
  })

  it('writes no marker ahead of what the connection holds back', () => {
    const { link, channel } = channelSetUp({}, 'markers')
    link.waiting = 100
    channel.offer(critical(), 0)
    expect(link.marks).to.deep.equal([])
    link.waiting = 0
    channel.pump(1)
    expect(link.marks).to.have.length(1)
  })

  describe('with a subscriber that emits', () => {
    /** As the first message of this outcome is told of, before that returns. */
    function once(outcome: string, emit: () => void): () => void {
      const name = `spillway:message:${outcome}`
      const listener = () => {
        unsubscribe(name, listener)
        emit()
      }
      subscribe(name, listener)
      return () => unsubscribe(name, listener)
    }

    it('sends what waited before what is emitted as it is sent', () => {
      const { channel, link } = channelSetUp()
      channel.offer(critical(1000), 0)
      const [waited, nested] = [critical(100), critical(200)]
      channel.offer(waited, 0)
      link.deliver()
      const forget = once('sent', () => channel.offer(nested, 0))
      try {
        channel.pump(0)
        expect(link.written.slice(1)).to.deep.equal([waited, nested])
      } finally {
        forget()
      }
    })

    it('keeps nothing that is emitted as the rest of a client that is gone is counted', () => {
      const { channel, heldBytes } = channelSetUp()
      channel.offer(cosmetic(1000), 0)
      channel.offer(cosmetic(), 0)
      const forget = once('undelivered', () => channel.offer(critical(), 0))
      try {
        channel.closed()
        expect([channel.queued, heldBytes.bytes]).to.deep.equal([0, 0])
      } finally {
        forget()
      }
    })
  })
})
