import { expect } from 'chai'
import fc from 'fast-check'
import { CLOSING_CODES, CLOSINGS } from '../../lib/base/outcomes.ts'
import { ClosedClients } from '../../lib/telemetry/closed-clients.ts'
import { closedClient } from '../../schemas/stats.ts'

const facts = (id: string) => ({
  id,
  at: '2024-01-01T00:00:00.000Z',
  address: null,
  userAgent: null,
  connectedFor: 0,
  undelivered: { messages: 0, bytes: 0 },
  inFlight: 0,
})

describe('ClosedClients', () => {
  describe('#add', () => {
    it('returns the closed client with the reason of its code', () => {
      for (const code of CLOSING_CODES) {
        const closed = new ClosedClients(1).add(code, facts('a'))
        expect(closed).to.deep.equal({ ...facts('a'), code, reason: CLOSINGS[code].reason })
        expect(closedClient.parse(closed)).to.deep.equal(closed)
      }
    })
  })

  describe('#latest', () => {
    it('is empty at first, with a count of nothing for every code', () => {
      const history = new ClosedClients(3)
      expect(history.latest()).to.deep.equal([])
      expect(history.counts).to.have.all.keys(CLOSING_CODES)
      expect(Object.values(history.counts)).to.deep.equal(CLOSING_CODES.map(() => 0))
    })

    it('keeps the last so many, latest first, as a plain list does', () => {
      const codes = fc.array(fc.constantFrom(...CLOSING_CODES), { maxLength: 40 })
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 12 }), codes, (capacity, closings) => {
          const history = new ClosedClients(capacity)
          const naive: string[] = []
          for (const [n, code] of closings.entries()) {
            history.add(code, facts(String(n)))
            naive.unshift(String(n))
            expect(history.latest().map(({ id }) => id)).to.deep.equal(naive.slice(0, capacity))
          }
          for (const code of CLOSING_CODES) {
            const count = closings.filter((each) => each === code).length
            expect(history.counts[code]).to.equal(count)
          }
        }),
      )
    })
  })
})
