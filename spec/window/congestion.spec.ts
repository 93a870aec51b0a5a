import { expect } from 'chai'
import { z } from 'zod'
import { KiB } from '../../lib/base/units.ts'
import { ceilingOf, highNow, lowNow } from '../../lib/window/congestion.ts'
import { DeliveryWindow } from '../../lib/window/delivery-window.ts'
import { cosmetic } from '../../schemas/priority.ts'
import { measured } from '../support/fakes/measured-window.ts'
import { LIMITS } from '../support/fakes/simulation.ts'
import { HEALTHY } from '../support/paths/cells.ts'
import { play } from '../support/paths/play.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'

/** A window that has measured a path by answers a round trip apart. */
function known(rtt: number, rate: number, answers = 20) {
  return measured(rtt, rate, rate * rtt, answers)
}

describe('Congestion', () => {
  it('begins above what the path carries in a round trip and the horizon', () => {
    const { window, now } = known(100, 500)
    expect(highNow(LIMITS, window, 0, now)).to.be.closeTo(500 * 600, 3000)
    expect(lowNow(LIMITS, window, 0, now)).to.be.closeTo(500 * 350, 3000)
    const wider = { ...LIMITS, horizon: 800 }
    expect(highNow(wider, window, 0, now)).to.be.closeTo(500 * 900, 5000)
  })

  it('begins at the watermark on a slow path, and never below it', () => {
    const { window, now } = known(300, 12)
    expect(highNow(LIMITS, window, 0, now)).to.equal(LIMITS.high)
    expect(lowNow(LIMITS, window, 0, now)).to.equal(LIMITS.low)
  })

  it('begins at the latest at the limit, and what a long path holds beside it', () => {
    const near = known(1, 10_000)
    expect(highNow(LIMITS, near.window, 0, near.now)).to.be.closeTo(LIMITS.limit, 11_000)
    const far = known(100, 10_000)
    const most = LIMITS.limit + 10_000 * 100
    expect(highNow(LIMITS, far.window, 0, far.now)).to.be.closeTo(most, most / 100)
    expect(ceilingOf(LIMITS, far.window)).to.be.closeTo(most, most / 100)
    const farther = known(1000, 10_000)
    expect(ceilingOf(LIMITS, farther.window)).to.equal(LIMITS.emergency / 2)
    expect(highNow(LIMITS, farther.window, 0, farther.now)).to.equal(LIMITS.emergency / 2)
  })

  it('begins earlier while an answer is late, by what the path would have carried', () => {
    const { window, now } = known(100, 500)
    window.written(5000, now)
    window.marked(now)
    const due = now + 10 + 100
    expect(highNow(LIMITS, window, 0, due)).to.be.closeTo(500 * 600, 3000)
    expect(highNow(LIMITS, window, 0, due + 200)).to.be.closeTo(500 * 400, 3000)
    expect(highNow(LIMITS, window, 0, due + 5000)).to.equal(LIMITS.high)
  })

  it('is judged by how long a message has waited while the path is not known', () => {
    for (const window of [new DeliveryWindow(), known(100, 500, 10).window]) {
      expect(window.isKnown).to.equal(false)
      const { minRtt = 0, rtt = 0 } = window.path
      // one round trip tells of the path, and the next one uses that
      const soon = minRtt + rtt + LIMITS.horizon
      expect(highNow(LIMITS, window, soon - 1, 0)).to.equal(LIMITS.emergency / 2)
      expect(highNow(LIMITS, window, soon + 1, 0)).to.equal(LIMITS.high)
    }
  })

  it('is judged by bytes alone without a horizon, and where nothing answers markers', () => {
    const { window, now } = known(100, 500)
    const none = { ...LIMITS, horizon: 0 }
    expect(highNow(none, window, 0, now)).to.equal(LIMITS.high)
    expect(lowNow(none, window, 0, now)).to.equal(LIMITS.low)
    expect(ceilingOf(none, window)).to.equal((LIMITS.low + LIMITS.high) / 2)
    window.giveUp()
    expect(highNow(LIMITS, window, 0, now)).to.equal(LIMITS.high)
  })

  it('is announced by observe where enforce sheds, and only there', () => {
    for (const name of ['8M rtt 60', 'burst 100M rtt 20', 'burst loopback', '20M rtt 300']) {
      const cell = HEALTHY.find((each) => each.name === name)!
      const { channel } = play(cell, { mode: 'observe' })
      expect(channel.tally.observed, name).to.equal(0)
      const { channel: strict } = play(cell, { mode: 'observe', horizon: 0 })
      if (name !== '8M rtt 60') expect(strict.tally.observed, name).to.be.above(50)
    }
  })

  describe('of a real client', () => {
    const messages = { frame: cosmetic(z.object({ pad: z.string() })) }
    const pad = 'x'.repeat(2000)
    let fixture: Fixture
    afterEach(() => fixture.close())

    /** Bursts of more than twice `high`. */
    async function bursts(horizon: number): Promise<{ lost: number; high: number }> {
      fixture = await startServer({ messages, watermarks: { horizon } })
      const client = await fixture.raw()
      let emitted = 0
      for (let burst = 0; burst < 5; burst++) {
        for (let n = 0; n < 160; n++) fixture.io.emit('frame', { pad })
        emitted += 160
        const due = () => fixture.spillway!.stats().classes.cosmetic
        await client.until(() => client.received('frame').length === due().sent.messages)
        await client.until(() => {
          const { sent, dropped } = due()
          return sent.messages + dropped.messages === emitted
        })
      }
      const { high } = [...fixture.spillway!.clients()][0]!
      return { lost: emitted - client.received('frame').length, high }
    }

    it('is not caused by bursts that its path carries at once', async () => {
      const { lost, high } = await bursts(500)
      expect(lost).to.equal(0)
      expect(high).to.be.within(512 * KiB, 2048 * KiB)
    })

    it('is caused by them where bytes alone count', async () => {
      const { lost, high } = await bursts(0)
      expect(lost).to.be.above(100)
      expect(high).to.equal(128 * KiB)
    })
  })
})
