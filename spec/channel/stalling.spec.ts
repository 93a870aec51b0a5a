import { expect } from 'chai'
import { channelSetUp, critical } from '../support/fakes/channel-set-up.ts'

describe('Stalling', () => {
  it('judges the limit by progress and by grace', () => {
    const { channel, link } = channelSetUp()
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
    const { channel, link } = channelSetUp()
    link.proof = 'markers'
    channel.window.blind = false
    channel.offer(critical(100), 0)
    channel.answered(link.marks[0]!, 0)
    for (let n = 0; n < 50; n++) channel.offer(critical(100), 0)
    link.deliver()
    expect(channel.inspect(11_000)).to.equal('over-limit')
  })

  it('takes what the kernel takes for progress until it is known whether markers are answered', () => {
    const { channel, link } = channelSetUp({ limit: 500 }, 'markers')
    for (let n = 0; n < 9; n++) channel.offer(critical(100), 0)
    link.deliver()
    expect(channel.inspect(34_999)).to.equal(undefined)
    // an interval of heartbeats and `stallAfter`
    expect(channel.inspect(35_000)).to.equal('stalled')
  })

  it('gives one that never answers and takes nothing no more time than any other', () => {
    const { channel } = channelSetUp({}, 'markers')
    for (let n = 0; n < 50; n++) channel.offer(critical(100), 0)
    expect(channel.inspect(0)).to.equal(undefined)
    expect(channel.inspect(11_000)).to.equal('over-limit')
  })

  it('gives the answer of one long message the time that it takes', () => {
    const { channel, link } = channelSetUp({ limit: 10_000, emergency: 1e9 })
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
      const { channel, link } = channelSetUp({ limit: 500, emergency: 1e9 })
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
    const { channel } = channelSetUp({ grace: 60_000 })
    for (let n = 0; n < 50; n++) channel.offer(critical(100), 0)
    expect(channel.inspect(30_000)).to.equal(undefined)
    expect(channel.inspect(60_000)).to.equal('over-limit')
  })
})
