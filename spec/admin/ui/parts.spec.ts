import { expect } from 'chai'
import fc from 'fast-check'
import { KiB } from '../../../lib/base/units.ts'

/** The parts of the dashboard that need no page. They are JavaScript, and so have no types. */
const load = (name: string) =>
  import(new URL(`../../../lib/admin/ui/${name}`, import.meta.url).href)

const sum = (messages: number) => ({ messages, bytes: 0 })

interface Figures {
  readonly sent?: number
  readonly dropped?: number
  readonly conflated?: number
  readonly latencies?: readonly number[]
  readonly event?: string
}

/** Totals of one event, with latencies by bucket: up to 10 ms, 100 ms, 1 s, and above. */
function totals({ sent = 0, dropped = 0, conflated = 0, latencies = [], event = 'a' }: Figures) {
  const outcomes = {
    sent: sum(sent),
    dropped: sum(dropped),
    conflated: sum(conflated),
    expired: sum(0),
    observed: sum(0),
  }
  const buckets = [10, 100, 1000, null].map((to, index) => ({
    to,
    messages: latencies[index] ?? 0,
  }))
  return {
    classes: { critical: { sent: sum(0) }, cosmetic: { sent: sum(sent) } },
    events: [{ namespace: '/', event, class: 'cosmetic', ...outcomes }],
    criticalLatency: { count: buckets.reduce((all, { messages }) => all + messages, 0), buckets },
  }
}

describe('Dashboard parts', () => {
  describe('rates', () => {
    it('are differences of the totals, by the time between them', async () => {
      const { Rates, keyOf } = await load('rates.js')
      const rates = new Rates()
      const first = totals({ sent: 100, dropped: 10 })
      expect(rates.add(first, 5)).to.equal(undefined)
      const after = rates.add(totals({ sent: 160, dropped: 14, conflated: 8 }), 7)
      expect(after).to.include({ sent: 30, shed: 6 })
      expect(after.events.get(keyOf(first.events[0]))).to.deep.equal({ shed: 6, observed: 0 })
    })

    it('are means of three seconds', async () => {
      const { Rates } = await load('rates.js')
      const rates = new Rates()
      for (const [at, sent] of [
        [0, 0],
        [1, 1000],
        [2, 1000],
        [3, 1000],
      ]) {
        rates.add(totals({ sent: sent! }), at)
      }
      expect(rates.add(totals({ sent: 1030 }), 4)).to.include({ sent: 10 })
    })

    it('begin anew with a server that begins anew', async () => {
      const { Rates } = await load('rates.js')
      const rates = new Rates()
      rates.add(totals({ sent: 100 }), 1)
      expect(rates.add(totals({ sent: 3 }), 2)).to.equal(undefined)
      expect(rates.add(totals({ sent: 7 }), 3)).to.include({ sent: 4 })
    })

    it('count an event that is new from nothing', async () => {
      const { Rates } = await load('rates.js')
      const rates = new Rates()
      rates.add(totals({}), 1)
      expect(rates.add(totals({ event: '__proto__', dropped: 5 }), 2)).to.include({ shed: 5 })
    })

    it('have the latency of the messages between, not of all', async () => {
      const { Rates } = await load('rates.js')
      const rates = new Rates()
      rates.add(totals({ latencies: [1000, 0, 0, 0] }), 1)
      const { latency } = rates.add(totals({ latencies: [1000, 0, 10, 0] }), 2)
      expect(latency).to.deep.equal({ p50: 550, p99: 991 })
      rates.add(totals({ latencies: [1000, 0, 10, 0] }), 3)
      expect(rates.add(totals({ latencies: [1000, 0, 10, 0] }), 12.5).latency).to.deep.equal({
        p50: null,
        p99: null,
      })
    })
  })

  describe('a percentile', () => {
    it('is within the bucket of the value at that rank', async () => {
      const { percentile } = await load('rates.js')
      const bounds = [1, 10, 100, 1000]
      const values = fc.array(fc.double({ min: 0.01, max: 999, noNaN: true }), { minLength: 1 })
      fc.assert(
        fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, share) => {
          const buckets = [...bounds, null].map((to, index) => ({
            to,
            messages: all.filter(
              (value) => value > (bounds[index - 1] ?? 0) && (to === null || value <= to),
            ).length,
          }))
          const sorted = all.toSorted((a, b) => a - b)
          const exact = sorted[Math.ceil(sorted.length * share) - 1]!
          const index = bounds.findIndex((to) => exact <= to)
          const found = percentile(buckets, share)
          expect(found).to.be.at.least(bounds[index - 1] ?? 0)
          expect(found).to.be.at.most(bounds[index]!)
        }),
      )
    })

    it('is the last bound of what is above it, and null of nothing', async () => {
      const { percentile } = await load('rates.js')
      expect(
        percentile(
          [
            { to: 10, messages: 1 },
            { to: null, messages: 99 },
          ],
          0.5,
        ),
      ).to.equal(10)
      expect(
        percentile(
          [
            { to: 10, messages: 0 },
            { to: null, messages: 0 },
          ],
          0.5,
        ),
      ).to.equal(null)
    })
  })

  describe('visible', () => {
    it('leaves nothing that is not seen, or that turns the text around', async () => {
      const { visible } = await load('text.js')
      expect(visible('a\u0000b\u001b[31m\u007f\u0085')).to.equal('a⟨00⟩b⟨1B⟩[31m⟨7F⟩⟨85⟩')
      expect(visible('\u202egnp.exe\u2066\ufeff\ud800')).to.equal('⟨202E⟩gnp.exe⟨2066⟩⟨FEFF⟩⟨D800⟩')
      expect(visible('a\u3164\u2800\u115f\u034f\u{e0041}')).to.equal(
        'a⟨3164⟩⟨2800⟩⟨115F⟩⟨34F⟩⟨E0041⟩',
      )
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), (text) => {
          expect(visible(text)).to.not.match(
            /[\p{Cc}\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069]/u,
          )
        }),
      )
    })

    it('leaves what people write as it is, up to a length', async () => {
      const { visible } = await load('text.js')
      expect(visible('Zoë <b>👩‍👧</b> عمر')).to.equal('Zoë <b>👩‍👧</b> عمر')
      expect(visible('x'.repeat(200))).to.equal(`${'x'.repeat(120)}…`)
      expect(visible('👍👍👍', 2)).to.equal('👍👍…')
      expect(visible('❤️ نمی‌خواهم')).to.equal('❤️ نمی‌خواهم')
    })
  })

  describe('server-sent events', () => {
    async function read(chunks: readonly string[]): Promise<unknown[]> {
      const { eventsOf } = await load('stream.js')
      const events: unknown[] = []
      for await (const event of eventsOf(chunks)) events.push(event)
      return events
    }

    it('are the same however they are cut', async () => {
      const text =
        ': hello\n\nevent: shed\ndata: {"seconds":1}\n\n: keep-alive\n\nevent: closed\r\ndata: {"id":\r\ndata: "ä"}\r\n\r\ndata'
      const due = [
        { type: 'shed', data: { seconds: 1 } },
        { type: 'closed', data: { id: 'ä' } },
      ]
      expect(await read([text])).to.deep.equal(due)
      expect(await read([...text])).to.deep.equal(due)
      const cut = fc.integer({ min: 0, max: text.length })
      await fc.assert(
        fc.asyncProperty(cut, async (at) => {
          expect(await read([text.slice(0, at), text.slice(at)])).to.deep.equal(due)
        }),
      )
    })
  })

  describe('zones', () => {
    const watermarks = { low: 64 * KiB, high: 128 * KiB, limit: 512 * KiB, emergency: 4096 * KiB }

    it('give the watermarks the same places on every bar', async () => {
      const { shareOf, zoneOf } = await load('zones.js')
      const shares = [0, 32, 64, 128, 512, 4096, 9999].map((kib) => shareOf(kib * KiB, watermarks))
      expect(shares).to.deep.equal([0, 0.125, 0.25, 0.5, 0.85, 1, 1])
      expect(zoneOf(128 * KiB - 1, watermarks)).to.equal('buffered')
      expect(zoneOf(128 * KiB, watermarks)).to.equal('high')
      expect(zoneOf(512 * KiB, watermarks)).to.equal('limit')
    })
  })

  describe('format', () => {
    it('have two units at the most', async () => {
      const { duration, bytes, perSecond, percent } = await load('format.js')
      expect([0, 59_999, 60_000, 3_725_000, 90_000_000].map(duration)).to.deep.equal([
        '0 s',
        '59 s',
        '1 min',
        '1 h 2 min',
        '1 d 1 h',
      ])
      expect([0, 1023, 1536, 10_200, 2 ** 31].map(bytes)).to.deep.equal([
        '0 B',
        '1023 B',
        '1.5 KiB',
        '10 KiB',
        '2 GiB',
      ])
      expect([0, 0.04, 9.94, 9.96, 1234.5].map(perSecond)).to.deep.equal([
        '0',
        '< 0.1',
        '9.9',
        '10',
        '1,235',
      ])
      expect([0.001, 0.5, 1].map(percent)).to.deep.equal(['< 1 %', '50 %', '100 %'])
    })
  })
})
