import { expect } from 'chai'
import { channelSetUp, cosmetic, critical } from '../support/fakes/channel-set-up.ts'

describe('Channel', () => {
  it('closes after what is critical when the application asks, as often as it asks', () => {
    const { channel, link } = channelSetUp()
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
      const { channel, link, watched } = channelSetUp({}, 'none', (it) =>
        it.offer(critical(9000), 1000),
      )
      // over polling the connection is gone at once
      link.terminate = () => void channel.closed()
      for (const bytes of [1500, 10]) channel.offer(critical(bytes), 0)
      channel[close](1000)
      expect([channel.closedBy, watched.size]).to.deep.equal(['emergency', 0])
    })
  }

  it('hands a connection that was told to close, or was ended, nothing more', () => {
    const { channel, link } = channelSetUp()
    channel.offer(critical(1000), 0)
    channel.offer(cosmetic(100), 0)
    channel.close(0)
    expect(link.closed).to.equal(1)
    channel.release(0)
    expect(link.written).to.have.length(1)
    const ended = channelSetUp()
    ended.channel.offer(critical(1000), 0)
    ended.channel.offer(critical(100), 0)
    ended.channel.terminate('terminated')
    ended.channel.release(0)
    expect(ended.link.written).to.have.length(1)
    expect(ended.channel.closed().undelivered).to.deep.equal({ messages: 1, bytes: 100 })
  })

  it('closes once the scheduler has stepped aside, if it was asked to close before', () => {
    const { channel, link } = channelSetUp()
    for (const bytes of [1000, 100]) channel.offer(critical(bytes), 0)
    channel.close(0)
    channel.release(0)
    expect([link.written.length, link.closed]).to.deep.equal([2, 1])
  })

  it('is looked after again when a client that seemed to answer no markers answers one', () => {
    const { channel, link, watched } = channelSetUp({}, 'markers')
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
    const { channel } = channelSetUp()
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
})
