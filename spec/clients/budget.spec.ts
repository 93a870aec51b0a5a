import { expect } from 'chai'
import { Budget } from '../../lib/clients/budget.ts'
import type { ClosedClient } from '../../schemas/stats.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { envelope, rule } from '../support/fakes/envelopes.ts'
import { LIMITS } from '../support/fakes/simulation.ts'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'

const KiB = 1024

describe('Budget', () => {
  describe('its arithmetic', () => {
    const message = () => envelope({ rule: rule({ class: 'critical' }), bytes: 1500 })

    it('counts once what several clients wait for, until the last has let go', () => {
      const { heldBytes } = new Budget(1000)
      const shared = message()
      heldBytes.hold(shared)
      heldBytes.hold(shared)
      heldBytes.hold(message())
      const { cost } = shared
      expect(cost).to.be.greaterThan(1500)
      expect(heldBytes.bytes).to.equal(2 * cost)
      heldBytes.release(shared)
      expect(heldBytes.bytes).to.equal(2 * cost)
      heldBytes.release(shared)
      expect(heldBytes.bytes).to.equal(cost)
    })

    it('counts the frames of what is held as soon as they are made', () => {
      const { heldBytes } = new Budget(1000)
      const shared = message()
      heldBytes.hold(shared)
      const before = heldBytes.bytes
      expect(shared.frames).to.have.length(1500)
      expect(heldBytes.bytes - before).to.be.within(1500, 1700)
      heldBytes.release(shared)
      expect(heldBytes.bytes).to.equal(0)
    })

    it('leaves the limits as they are within it, and shrinks low and high in proportion above', () => {
      const { cost } = message()
      const budget = new Budget(2 * cost)
      expect(budget.applyTo(LIMITS)).to.equal(LIMITS)
      for (let n = 0; n < 3; n++) budget.heldBytes.hold(message())
      const shrunk = budget.applyTo(LIMITS)
      expect(shrunk.high / LIMITS.high).to.be.closeTo(2 / 3, 0.01)
      expect(shrunk.low / LIMITS.low).to.be.closeTo(2 / 3, 0.01)
      expect(shrunk).to.include({ limit: LIMITS.limit, emergency: LIMITS.emergency })
      expect(budget.applyTo(LIMITS), 'not reckoned again').to.equal(shrunk)
      expect(budget.excess).to.equal(0)
      budget.heldBytes.hold(message())
      expect(budget.excess).to.equal(cost)
      const others = { ...LIMITS, high: 100 * KiB }
      expect(budget.applyTo(others).high).to.be.closeTo((100 * KiB) / 2, KiB)
    })
  })

  describe('of a server', () => {
    let fixture: Fixture

    afterEach(() => fixture.close())

    /** Clients whose kernel sockets take nothing more. */
    async function choked(count: number, budget: number): Promise<RawClient[]> {
      fixture = await startServer({ messages, watermarks: BOUNDLESS, budget, maxAge: 3_600_000 })
      const clients = await Promise.all(Array.from({ length: count }, () => fixture.raw()))
      await choke(fixture, ...clients)
      return clients
    }

    const held = () => fixture.spillway!.stats().budget.held
    const idOf = (index: number) => [...fixture.spillway!.clients()][index]!.id

    it('counts a broadcast once, however many wait for it, and nothing when they are gone', async () => {
      const clients = await choked(3, 1024 * 1024 * KiB)
      const before = held()
      for (let n = 0; n < 100; n++) fixture.io.emit('jackpot:won', { n, pad })
      // each its text, the frame that Socket.IO has made of it, and three places
      expect(held() - before).to.be.within(2 * 200 * KiB, 2.6 * 200 * KiB)
      for (const client of clients) client.close()
      await eventually(() => fixture.spillway!.stats().clients.connected === 0)
      expect(held()).to.equal(0)
    })

    it('counts nothing when those who were behind have caught up', async () => {
      const [client] = await choked(1, 1024 * 1024 * KiB)
      fixture.io.emit('jackpot:won', { n: 1, pad })
      expect(held()).to.be.greaterThan(0)
      client!.resume()
      await client!.until(() => client!.received('jackpot:won').length === 1)
      await eventually(() => held() === 0)
    })

    it('closes the largest backlog without progress first, never a client that is exempt', async () => {
      const [, , exempt] = await choked(3, 2048 * KiB)
      const healthy = await fixture.raw()
      const closed: ClosedClient[] = []
      fixture.spillway!.events.on('closed', (client) => closed.push(client))
      const ids = [idOf(0), idOf(1)]
      const exemptId = idOf(2)
      expect(fixture.spillway!.exempt(exemptId)).to.equal(true)
      expect(fixture.spillway!.client(exemptId)).to.include({ exempt: true })
      const socketOf = (id: string) => fixture.spillway!.client(id)!.sockets['/']!
      const toOne = (id: string, count: number) => {
        for (let n = 0; n < count; n++) fixture.io.to(socketOf(id)).emit('jackpot:won', { n, pad })
      }
      await eventually(() => ids.every((id) => fixture.spillway!.client(id)!.sinceProgress > 1000))
      toOne(ids[0]!, 200)
      toOne(ids[1]!, 1500)
      toOne(exemptId, 300)
      await eventually(() => closed.length === 1)
      expect(closed[0]).to.include({ id: ids[1], code: 'budget' })
      toOne(exemptId, 2000)
      await eventually(() => closed.length === 2)
      expect(closed[1]).to.include({ id: ids[0], code: 'budget' })
      expect(exempt!.open).to.equal(true)
      fixture.io.to(socketOf(idOf(1))).emit('jackpot:won', { n: 7, pad: '' })
      await healthy.until(() => healthy.received('jackpot:won').length > 0)
      expect(fixture.spillway!.stats().clients.connected).to.equal(2)
    })

    it('is no reason to close anybody who is within it', async () => {
      await choked(1, 1024 * KiB)
      const { id } = [...fixture.spillway!.clients()][0]!
      for (let n = 0; n < 250; n++) fixture.io.emit('jackpot:won', { n, pad })
      const { budget } = fixture.spillway!.stats()
      expect(budget.held).to.be.within(budget.limit, 1.5 * budget.limit)
      await new Promise((resolve) => setTimeout(resolve, 1500))
      expect(fixture.spillway!.client(id)).to.include({ id })
    })
  })
})
