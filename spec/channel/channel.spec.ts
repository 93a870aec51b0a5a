import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect } from 'chai'
import type { Limits } from '../../lib/base/limits.ts'
import { Channel, type ChannelHost } from '../../lib/channel/channel.ts'
import type { Envelope } from '../../lib/message/envelope.ts'
import { HeldBytes } from '../../lib/message/held-bytes.ts'
import { Meters } from '../../lib/telemetry/meters.ts'
import type { ShedEpisode } from '../../lib/telemetry/shed-episode.ts'
import { criticalRule, envelope, rule } from '../support/fakes/envelopes.ts'
import { FakeLink } from '../support/fakes/fake-link.ts'
import { LIMITS } from '../support/fakes/simulation.ts'

const limits: Limits = { ...LIMITS, low: 1000, high: 2000, limit: 4000, emergency: 8000 }
const frames = rule({ class: 'cosmetic' })

function setUp(
  changed: Partial<Limits> = {},
  proof: FakeLink['proof'] = 'none',
  catchUp = (_channel: Channel): void => {},
) {
  const link = new FakeLink()
  link.proof = proof
  const meters = new Meters()
  const log: string[] = []
  const episodes: ShedEpisode[] = []
  const watched = new Set<Channel>()
  const heldBytes = new HeldBytes()
  let turns = 0
  const host: ChannelHost = {
    limits: { ...limits, ...changed },
    watch: (channel) => watched.add(channel),
    unwatch: (channel) => watched.delete(channel),
    wake: () => {},
    catchUp,
    scheduler: {
      add: () => {},
      spent: () => false,
      tick: () => 0,
      // each message has its own
      turn: () => ++turns,
    },
    now: () => 0,
    overfull: false,
    relieve() {},
    limitsFor: () => host.limits,
    lookClosely() {},
    meters,
    heldBytes,
    loopDelay: { at: () => 0 },
    disconnected: () => {},
    congested: () => log.push('congested'),
    recovered: (_channel, episode, _now, wasCongested) => {
      episodes.push(episode)
      log.push(wasCongested ? 'recovered' : 'caught up')
    },
  }
  const channel = new Channel('a', link, host, 0)
  return { link, log, meters, episodes, watched, heldBytes, channel }
}

function cosmetic(bytes = 100, fields: Partial<Parameters<typeof envelope>[0]> = {}): Envelope {
  return envelope({ rule: frames, bytes, ...fields })
}

function critical(bytes = 100): Envelope {
  return envelope({ rule: criticalRule, bytes })
}

describe('Channel', () => {
  it('writes at once what a client that keeps up is sent', () => {
    const { channel, link } = setUp()
    expect([channel.offer(critical(), 0), channel.offer(cosmetic(), 0)]).to.deep.equal([
      'sent',
      'sent',
    ])
    expect(link.written).to.have.length(2)
  })

  it('sends critical ones first, and each class in its order', () => {
    const { channel, link } = setUp()
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
      const { channel, link } = setUp()
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
      const { channel, link } = setUp()
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
      const { channel, link } = setUp()
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

  describe('above high', () => {
    it('is congested, and admits cosmetic only in place of older ones', () => {
      const { channel, log } = setUp()
      channel.offer(critical(1000), 0)
      const first = cosmetic(500)
      channel.offer(first, 0)
      channel.offer(cosmetic(500), 0)
      expect(channel.congested).to.equal(false)
      expect(channel.offer(cosmetic(400), 0)).to.equal('queued')
      expect(channel.congested).to.equal(true)
      expect([...channel.cosmetic]).to.not.include(first)
      expect(channel.buffered).to.be.at.most(limits.high)
      expect(log).to.deep.equal(['congested'])
    })

    it('stays congested while the client takes nothing, whatever there is room for', () => {
      const { channel, link, log } = setUp({ horizon: 0 }, 'markers')
      link.handover = 10_000
      channel.offer(critical(1400), 0)
      for (let n = 0; n < 50; n++) channel.offer(cosmetic(700), n * 10)
      expect(log).to.deep.equal(['congested'])
      expect(channel.tally).to.include({ sent: 1, dropped: 50 })
    })

    it('is sent a cosmetic message of any size once it has caught up', () => {
      const { channel, link, log } = setUp()
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
      const { channel } = setUp()
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
      const { channel, link, log, episodes } = setUp()
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
      const { channel } = setUp()
      for (let n = 0; n < 60; n++) channel.offer(critical(100), 0)
      expect(channel.tally).to.include({ sent: 10, dropped: 0 })
      expect(channel.critical.messages).to.equal(50)
    })
  })

  it('conflates in place, and expires what is too old when its turn comes', () => {
    const { channel, link } = setUp()
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
    const { channel, link } = setUp({ mode: 'observe' })
    for (let n = 0; n < 5; n++) channel.offer(cosmetic(600), 0)
    expect(link.written).to.have.length(5)
    expect(channel.tally).to.include({ sent: 5, dropped: 0, observed: 2 })
  })

  describe('#inspect', () => {
    it('judges the limit by progress and by grace', () => {
      const { channel, link } = setUp()
      for (let n = 0; n < 50; n++) channel.offer(critical(100), 0)
      expect(channel.inspect(9000)).to.equal(undefined)
      link.deliver(5)
      expect(channel.inspect(12_000), 'it took something').to.equal(undefined)
      expect(channel.inspect(21_000)).to.equal(undefined)
      // and the kernel may have half of it, which a slow client is given time to read
      expect(channel.inspect(22_124)).to.equal(undefined)
      expect(channel.inspect(22_126)).to.equal('over-limit')
    })

    it('takes answers for progress, not what the kernel takes', () => {
      const { channel, link } = setUp()
      link.proof = 'markers'
      channel.window.blind = false
      channel.offer(critical(100), 0)
      channel.answered(link.marks[0]!, 0)
      for (let n = 0; n < 50; n++) channel.offer(critical(100), 0)
      link.deliver()
      expect(channel.inspect(11_000)).to.equal('over-limit')
    })

    it('takes what the kernel takes for progress until it is known whether markers are answered', () => {
      const { channel, link } = setUp({ limit: 500 }, 'markers')
      for (let n = 0; n < 9; n++) channel.offer(critical(100), 0)
      link.deliver()
      expect(channel.inspect(34_999)).to.equal(undefined)
      // an interval of heartbeats and `stallAfter`
      expect(channel.inspect(35_000)).to.equal('stalled')
    })

    it('gives one that never answers and takes nothing no more time than any other', () => {
      const { channel } = setUp({}, 'markers')
      for (let n = 0; n < 50; n++) channel.offer(critical(100), 0)
      expect(channel.inspect(0)).to.equal(undefined)
      expect(channel.inspect(11_000)).to.equal('over-limit')
    })

    it('gives the answer of one long message the time that it takes', () => {
      const { channel, link } = setUp({ limit: 10_000, emergency: 1e9 })
      link.proof = 'markers'
      channel.window.blind = false
      channel.offer(critical(1_000_000), 0)
      link.deliver()
      channel.answered(link.marks[0]!, 1)
      expect(channel.inspect(400_000)).to.equal(undefined)
      expect(channel.inspect(600_000)).to.equal('over-limit')
    })

    describe('of a client that answers no markers, and whose kernel has four megabytes', () => {
      const MINUTE = 60_000
      const KB10 = 10_000

      function setUpFull() {
        const { channel, link } = setUp({ limit: 500, emergency: 1e9 })
        link.handover = 1e9
        for (let n = 0; n < 1000; n++) channel.offer(critical(KB10), 0)
        link.deliver(400)
        expect(channel.inspect(0)).to.equal(undefined)
        return { channel, link }
      }

      /** @returns when it is closed, if it is in an hour; it says each second that it lives */
      function closedAt({ channel }: ReturnType<typeof setUpFull>, act: (now: number) => void) {
        for (let now = 0; now < 60 * MINUTE; now += 1000) {
          channel.heartbeat(false, now)
          act(now)
          if (channel.inspect(now) !== undefined) return now
        }
        return undefined
      }

      it('spares one that reads 2 KB/s, of which the kernel takes a step in twelve minutes', () => {
        const full = setUpFull()
        const step = 145
        const read = (now: number) => {
          if (now > 0 && now % ((step * KB10) / 2) === 0) full.link.deliver(step)
        }
        expect(closedAt(full, read)).to.equal(undefined)
      })

      it('closes one that reads nothing when half of it would have been read, whatever its heartbeats', () => {
        expect(closedAt(setUpFull(), () => {})).to.equal(1_010_000)
      })

      it('closes one that reads a tenth of that', () => {
        const full = setUpFull()
        const read = (now: number) => {
          if (now > 0 && now % (12 * MINUTE) === 0) full.link.deliver(14)
        }
        expect(closedAt(full, read)).to.be.within(17 * MINUTE, 20 * MINUTE)
      })

      it('closes one that is not heard for longer than an interval of heartbeats', () => {
        const { channel } = setUpFull()
        channel.heartbeat(false, 0)
        expect(channel.inspect(34_999)).to.equal(undefined)
        expect(channel.inspect(35_000)).to.equal('over-limit')
      })
    })

    it('does not judge a client in its grace', () => {
      const { channel } = setUp({ grace: 60_000 })
      for (let n = 0; n < 50; n++) channel.offer(critical(100), 0)
      expect(channel.inspect(30_000)).to.equal(undefined)
      expect(channel.inspect(60_000)).to.equal('over-limit')
    })
  })

  it('tells the latency of critical messages, of a sample where there are many', () => {
    const { link, channel, meters } = setUp({}, 'markers')
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

  it('leaves nothing expired in the queue of a client that takes nothing', () => {
    const { channel, episodes } = setUp()
    channel.offer(critical(1000), 0)
    const [old, young] = [cosmetic(100, { at: 0 }), cosmetic(100, { at: 1500 })]
    channel.offer(old, 0)
    channel.offer(young, 1500)
    channel.inspect(2500)
    expect([...channel.cosmetic]).to.deep.equal([young])
    expect(channel.tally).to.include({ expired: 1 })
    expect(episodes).to.deep.equal([])
  })

  it('writes no marker ahead of what the connection holds back', () => {
    const { link, channel } = setUp({}, 'markers')
    link.waiting = 100
    channel.offer(critical(), 0)
    expect(link.marks).to.deep.equal([])
    link.waiting = 0
    channel.pump(1)
    expect(link.marks).to.have.length(1)
  })

  it('ends above the emergency cap if nothing is taken, and takes nothing afterwards', () => {
    const { channel, link } = setUp()
    let verdict = ''
    for (let n = 0; n < 100 && verdict !== 'refused'; n++) {
      verdict = channel.offer(critical(100), n * 20)
    }
    expect(channel.closedBy).to.equal('emergency')
    expect(link.terminated).to.equal(1)
    // with what may be buffered for a client that has caught up
    expect(channel.buffered).to.be.within(limits.emergency, limits.emergency + limits.low + 100)
    expect(channel.offer(critical(), 0)).to.equal('refused')
  })

  it('does not end who has answered at once before, and now is busy for a moment', () => {
    const { channel, link } = setUp({}, 'markers')
    channel.offer(critical(), 0)
    link.deliver()
    channel.answered(link.marks.at(-1)!, 1)
    for (let n = 0; n < 4; n++) channel.offer(critical(limits.emergency), 2 + n * 50)
    expect(channel.closedBy).to.equal(undefined)
    channel.offer(critical(), 1000)
    expect(channel.closedBy).to.equal('emergency')
  })

  it('closes after what is critical when the application asks, as often as it asks', () => {
    const { channel, link } = setUp()
    channel.offer(critical(1000), 0)
    channel.offer(critical(100), 0)
    channel.close(0)
    channel.close(0)
    expect(link.closed).to.equal(0)
    link.deliver()
    channel.pump(0)
    expect(link.written).to.have.length(2)
    expect(link.closed).to.equal(1)
  })

  for (const close of ['close', 'retire'] as const) {
    it(`is not looked after when what waits for its slice ends it as it is to ${close}`, () => {
      const { channel, link, watched } = setUp({}, 'none', (it) => it.offer(critical(9000), 1000))
      // over polling the connection is gone at once
      link.terminate = () => void channel.closed()
      for (const bytes of [1500, 10]) channel.offer(critical(bytes), 0)
      channel[close](1000)
      expect([channel.closedBy, watched.size]).to.deep.equal(['emergency', 0])
    })
  }

  it('hands a connection that was told to close, or was ended, nothing more', () => {
    const { channel, link } = setUp()
    channel.offer(critical(1000), 0)
    channel.offer(cosmetic(100), 0)
    channel.close(0)
    expect(link.closed).to.equal(1)
    channel.release(0)
    expect(link.written).to.have.length(1)
    const ended = setUp()
    ended.channel.offer(critical(1000), 0)
    ended.channel.offer(critical(100), 0)
    ended.channel.terminate('terminated')
    ended.channel.release(0)
    expect(ended.link.written).to.have.length(1)
    expect(ended.channel.closed().undelivered).to.deep.equal({ messages: 1, bytes: 100 })
  })

  it('closes once the scheduler has stepped aside, if it was asked to close before', () => {
    const { channel, link } = setUp()
    for (const bytes of [1000, 100]) channel.offer(critical(bytes), 0)
    channel.close(0)
    channel.release(0)
    expect([link.written.length, link.closed]).to.deep.equal([2, 1])
  })

  it('is looked after again when a client that seemed to answer no markers answers one', () => {
    const { channel, link, watched } = setUp({}, 'markers')
    channel.offer(critical(), 0)
    channel.offer(critical(), 0)
    link.deliver()
    link.heard++
    channel.inspect(6000)
    expect(channel.window.blind).to.equal(true)
    expect([channel.buffered, watched.size]).to.deep.equal([0, 0])
    channel.answered(link.marks[0]!, 6000)
    expect(channel.buffered).to.be.above(0)
    expect(watched.size).to.equal(1)
  })

  it('accounts for what was left when the connection is gone', () => {
    const { channel } = setUp()
    channel.offer(critical(1000), 0)
    channel.offer(critical(100), 0)
    channel.offer(cosmetic(50), 0)
    expect(channel.closed()).to.deep.include({
      code: 'gone',
      undelivered: { messages: 2, bytes: 150 },
    })
    expect(channel.tally.undelivered).to.equal(2)
    expect(channel.queued).to.equal(0)
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
      const { channel, link } = setUp()
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
      const { channel, heldBytes } = setUp()
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
