import { expect } from 'chai'
import { BOUNDLESS } from './support/clients/flood.ts'
import { WIRES } from './support/clients/paused.ts'
import { messages } from './support/messages.ts'
import { eventually, type Fixture, startServer } from './support/servers/server.ts'

const MESSAGES = 20
const LONG = 'x'.repeat(400_000)

describe('After close(), with writes under way', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  for (const { wire, server, http, pause } of WIRES) {
    it(`a client stays and receives everything, over ${wire}, as without the plugin`, async () => {
      const seen: unknown[] = []
      for (const plugin of ['plain', { messages, watermarks: BOUNDLESS }] as const) {
        fixture = await startServer(plugin, server, http?.())
        const client = await pause(fixture)
        for (let n = 0; n < MESSAGES; n++) fixture.io.emit('jackpot:won', { n, pad: LONG })
        fixture.spillway?.close()
        const told = listenIn(fixture)
        for (let n = MESSAGES; n < MESSAGES + 5; n++)
          fixture.io.emit('jackpot:won', { n, pad: LONG })
        fixture.io.emit('jackpot:won', { n: 999 })
        await Promise.all([client.resume(), eventually(() => client.numbers.at(-1) === 999)])
        seen.push({ numbers: client.numbers, isOpen: client.isOpen })
        expect(told, 'of what is detached').to.deep.equal([])
        if (plugin === 'plain') await fixture.close()
      }
      expect(seen[1]).to.deep.equal(seen[0])
      expect(seen[0]).to.deep.include({ isOpen: true })
      expect((seen[0] as { numbers: number[] }).numbers).to.have.length(MESSAGES + 6)
    })

    it(`nothing comes of it that one goes away meanwhile, over ${wire}`, async () => {
      fixture = await startServer({ messages, watermarks: BOUNDLESS }, server, http?.())
      await pause(fixture)
      for (let n = 0; n < MESSAGES; n++) fixture.io.emit('jackpot:won', { n, pad: LONG })
      fixture.spillway!.close()
      const told = listenIn(fixture)
      // as Engine.IO does with whoever vanishes
      for (const { conn } of fixture.io.sockets.sockets.values()) {
        ;(conn as unknown as { onClose(reason: string): void }).onClose('transport close')
      }
      await eventually(() => fixture.io.engine.clientsCount === 0)
      expect(told).to.deep.equal([])
      const { sizes, closings } = fixture.spillway!.readings
      expect(Object.values(sizes).every((size) => size === 0)).to.equal(true)
      expect(Object.values(closings).every((times) => times === 0)).to.equal(true)
    })
  }
})

/** What the library tells from now on. */
function listenIn({ spillway }: Fixture): string[] {
  const told: string[] = []
  for (const event of ['congested', 'recovered', 'closed', 'fault', 'invalid', 'policy'] as const) {
    spillway?.events.on(event, () => told.push(event))
  }
  return told
}
