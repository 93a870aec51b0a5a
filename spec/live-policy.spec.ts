import { expect } from 'chai'
import { Server } from 'socket.io'
import { z } from 'zod'
import { attach } from '../lib/attach.ts'
import { KiB, MiB } from '../lib/base/units.ts'
import type { PolicyChanged } from '../lib/telemetry/reporter.ts'
import type { Logger } from '../schemas/given-objects.ts'
import type { PolicyChange } from '../schemas/policy.ts'
import { cosmetic } from '../schemas/priority.ts'
import { BOUNDLESS, choke, starve } from './support/clients/flood.ts'
import { messages } from './support/messages.ts'
import { expectRefusal, refusalOf } from './support/refusals.ts'
import { type AppFixture, startApp } from './support/servers/app.ts'
import { eventually } from './support/servers/server.ts'

const ORDER = 'low < high < limit < emergency'

describe('Policy', () => {
  describe('#setPolicy', () => {
    const open: Array<{ close(): void }> = []
    const make = (options: Parameters<typeof attach>[1] = {}) => {
      const spillway = attach(new Server(), options)
      open.push(spillway)
      return spillway
    }
    afterEach(() => {
      for (const each of open.splice(0)) each.close()
    })

    it('changes what is given, and leaves the rest as it is', () => {
      const spillway = make({ maxAge: 500 })
      const before = spillway.policy
      expect(before).to.deep.equal({
        mode: 'enforce',
        watermarks: { low: 64 * KiB, high: 128 * KiB, limit: 512 * KiB, emergency: 4 * MiB },
        maxAge: 500,
      })
      expect(spillway.setPolicy({ maxAge: 700 })).to.deep.equal({ ...before, maxAge: 700 })
      expect(spillway.setPolicy({ watermarks: { high: 200 * KiB } }).watermarks).to.deep.equal({
        ...before.watermarks,
        high: 200 * KiB,
      })
      expect(spillway.setPolicy({ mode: 'observe' }).mode).to.equal('observe')
      expect(spillway.setPolicy({})).to.deep.equal(spillway.policy)
      expect(spillway.limits).to.include({ mode: 'observe', maxAge: 700, high: 200 * KiB })
    })

    it('lets emergency follow the limit, unless it was given', () => {
      const derived = make()
      derived.setPolicy({ watermarks: { limit: MiB } })
      expect(derived.policy.watermarks.emergency).to.equal(8 * MiB)
      const given = make({ watermarks: { emergency: 2 * MiB } })
      given.setPolicy({ watermarks: { limit: MiB } })
      expect(given.policy.watermarks.emergency).to.equal(2 * MiB)
    })

    it('takes undefined for what is left out', () => {
      const spillway = make()
      const before = spillway.policy
      const nothing = { mode: undefined, maxAge: undefined, watermarks: { low: undefined } }
      spillway.setPolicy(nothing as unknown as PolicyChange)
      expect(spillway.policy).to.deep.equal(before)
    })

    const WRONG: ReadonlyArray<[change: unknown, path: string, given: string, allowed: RegExp]> = [
      [null, 'policy', 'null', /a plain object with any of the keys mode, watermarks, maxAge/],
      [{ mode: 'off' }, 'policy.mode', '"off"', /^"enforce" or "observe"$/],
      [{ maxAge: 99 }, 'policy.maxAge', '99', /^an integer from 100 to 3600000/],
      [{ maxAge: '1s' }, 'policy.maxAge', '"1s"', /^an integer from 100/],
      [{ watermarks: { low: 0 } }, 'policy.watermarks.low', '0', /^an integer from 1024/],
      [
        { watermarks: { lo: 1 } },
        'policy.watermarks.lo',
        '1',
        /^the keys low, high, limit, emergency$/,
      ],
      [{ stallAfter: 1 }, 'policy.stallAfter', '1', /^the keys mode, watermarks, maxAge$/],
    ]
    for (const [change, path, given, allowed] of WRONG) {
      it(`refuses ${JSON.stringify(change)}, and changes nothing`, () => {
        const spillway = make()
        const before = spillway.policy
        const refusal = refusalOf(() => spillway.setPolicy(change as PolicyChange))
        expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', path, given, allowed)
        expect(spillway.policy).to.deep.equal(before)
      })
    }

    it('refuses watermarks out of order with those that stay, and changes nothing', () => {
      const spillway = make()
      const before = spillway.policy
      const refusal = refusalOf(() =>
        spillway.setPolicy({ mode: 'observe', watermarks: { low: 128 * KiB } }),
      )
      const given = `${128 * KiB} with high ${128 * KiB}`
      expectRefusal(refusal, 'SPILLWAY_WATERMARK_ORDER', 'watermarks.low', given, ORDER)
      expect(spillway.policy).to.deep.equal(before)
    })

    it('is told in the log, every time, and by an event, with who did it', async () => {
      const lines: object[] = []
      const log: Logger = {
        info: () => {},
        warn: (fields, message) => lines.push({ ...fields, message }),
        error: () => {},
      }
      const spillway = make({ log })
      const told: PolicyChanged[] = []
      spillway.events.on('policy', (change) => told.push(change))
      const by = { address: '10.0.0.1' }
      const [first, second] = [spillway.policy, { ...spillway.policy, maxAge: 300 }]
      spillway.setPolicy({ maxAge: 300 }, by)
      spillway.setPolicy({ maxAge: 300 }, by)
      spillway.setPolicy({ maxAge: first.maxAge }, by)
      const changes = [
        { from: first, to: second, by },
        { from: second, to: first, by },
      ]
      const message = 'spillway: policy changed'
      expect(lines).to.deep.equal(changes.map((change) => ({ ...change, message })))
      await eventually(() => told.length === 2)
      expect(told).to.deep.equal(changes)
    })
  })

  describe('of live clients', () => {
    let fixture: AppFixture
    const start = async (options: Parameters<typeof startApp>[0] = {}) => {
      const admin = { auth: false, changeAuth: false } as const
      fixture = await startApp({ messages, admin, ...options })
      return fixture
    }
    const patch = async (change: object) => {
      const answer = await fixture.app.inject({
        method: 'PATCH',
        url: '/spillway/policy',
        payload: change,
      })
      expect(answer.statusCode, answer.body).to.equal(200)
    }
    const tally = () => fixture.app.spillway.stats().classes.cosmetic
    afterEach(() => fixture.close())

    it('makes a client congested that was not, and sheds for it', async () => {
      await start({ watermarks: BOUNDLESS })
      const client = await fixture.raw()
      await choke(fixture, client)
      for (let n = 0; n < 20; n++) fixture.io.emit('reel:frame', { n })
      expect(tally().dropped.messages).to.equal(0)
      await patch({ watermarks: { low: 4 * KiB, high: 8 * KiB } })
      for (let n = 0; n < 20; n++) fixture.io.emit('reel:frame', { n })
      expect(fixture.app.spillway.stats().clients.congested).to.equal(1)
      expect(tally().dropped.messages).to.be.greaterThan(0)
    })

    it('lets what waits expire that would not have', async () => {
      await start({
        maxAge: 3_600_000,
        messages: { ...messages, 'sound:cue': cosmetic(z.object({ n: z.number() })) },
      })
      const { io, app } = fixture
      const client = await fixture.raw()
      starve(fixture, client)
      for (let n = 0; n < 5; n++) io.emit('sound:cue', { n })
      const before = app.spillway.queue(firstId())!
      expect(before.lanes.cosmetic.messages).to.be.greaterThan(0)
      await patch({ maxAge: 100 })
      const [waiting] = app.spillway
        .queue(firstId())!
        .messages.filter(({ event }) => event === 'sound:cue')
      expect(waiting!.expiresIn).to.be.at.most(100)
      await new Promise((resolve) => setTimeout(resolve, 150))
      client.resume()
      await eventually(() => tally().expired.messages > 0)
      const events = app.spillway
        .stats()
        .events.find((row) => row.event === 'sound:cue' && row.class === 'cosmetic')
      expect(events!.expired.messages).to.be.greaterThan(0)
    })

    it('hands over what is queued when it goes to observe, and sheds no more', async () => {
      await start({ watermarks: BOUNDLESS })
      const client = await fixture.raw()
      await choke(fixture, client)
      for (let n = 0; n < 20; n++) fixture.io.emit('reel:frame', { n })
      expect(fixture.app.spillway.queue(firstId())!.messages).to.not.deep.equal([])
      await patch({ mode: 'observe' })
      expect(fixture.app.spillway.queue(firstId())!.messages).to.deep.equal([])
      client.resume()
      await client.until(() => client.received('reel:frame').length === 20)
    })

    const firstId = () => [...fixture.app.spillway.clients()][0]!.id
  })
})
