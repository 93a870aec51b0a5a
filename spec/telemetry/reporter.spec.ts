import type { Socket } from 'node:net'
import { expect } from 'chai'
import { Server } from 'socket.io'
import { z } from 'zod'
import { attach } from '../../lib/attach.ts'
import { KiB, MiB } from '../../lib/base/units.ts'
import { Reporter } from '../../lib/telemetry/reporter.ts'
import type { ShedSummary } from '../../lib/telemetry/shed-episode.ts'
import type { Logger } from '../../schemas/given-objects.ts'
import { cosmetic } from '../../schemas/priority.ts'
import type { ClosedClient } from '../../schemas/stats.ts'
import { choke } from '../support/clients/flood.ts'
import { fakeClock } from '../support/fakes/fake-clock.ts'
import { fakeTimers } from '../support/fakes/fake-timers.ts'
import { messages } from '../support/messages.ts'
import { startApp } from '../support/servers/app.ts'
import '../support/rejections.ts'
import { eventually, startServer } from '../support/servers/server.ts'

const MARKER = 'xyzzy-4711'
const closed = (code: ClosedClient['code']): ClosedClient => ({
  id: 'a-1',
  code,
  reason: 'x',
  at: '2024-01-01T00:00:00.000Z',
  address: null,
  userAgent: null,
  connectedFor: 1,
  undelivered: { messages: 1, bytes: 1 },
  inFlight: null,
})
const summary: ShedSummary = {
  dropped: 1,
  conflated: 0,
  expired: 0,
  bytes: 10,
  lasted: 5,
  events: { frame: 1 },
}
const client = { id: 'a-1', address: '10.0.0.1', userAgent: null }
const invalid = (event: string) => ({ namespace: '/', event, issues: ['n: invalid_type'] })

interface Line {
  readonly level: keyof Logger
  readonly fields: Record<string, unknown>
  readonly message: string
}

function makeReporter() {
  const lines: Line[] = []
  const clock = fakeClock()
  const reporter = new Reporter(logTo(lines), clock)
  return { reporter, lines, clock }
}

function logTo(lines: Line[]): Logger {
  const at = (level: keyof Logger) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message })
  }
  return { info: at('info'), warn: at('warn'), error: at('error') }
}

/** Everything that was put off until after the current call has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('Reporter', () => {
  describe('a log line', () => {
    it('is written once in five seconds, then with the count of the omitted ones', () => {
      const { reporter, lines, clock } = makeReporter()
      for (let n = 0; n < 10; n++) reporter.invalid(invalid('frame'))
      expect(lines).to.have.length(1)
      expect(lines[0]!.fields).to.not.have.property('omitted')
      clock.advance(4999)
      reporter.invalid(invalid('frame'))
      expect(lines).to.have.length(1)
      clock.advance(1)
      reporter.invalid(invalid('frame'))
      reporter.invalid(invalid('frame'))
      expect(lines).to.have.length(2)
      expect(lines[1]!.fields).to.have.property('omitted', 10)
      clock.advance(5000)
      reporter.invalid(invalid('frame'))
      expect(lines[2]!.fields).to.have.property('omitted', 1)
      clock.advance(5000)
      reporter.invalid(invalid('frame'))
      expect(lines[3]!.fields).to.not.have.property('omitted')
    })

    it('tells of those that were left out, though nothing follows', () => {
      const timers = fakeTimers('setTimeout', 'clearTimeout')
      try {
        const { reporter, lines, clock } = makeReporter()
        for (let n = 0; n < 4; n++) reporter.closed(closed('stalled'), {})
        timers.tick(5000)
        expect(lines).to.have.length(2)
        expect(lines[1]).to.deep.equal({
          level: 'warn',
          fields: { omitted: 3 },
          message: 'spillway: client closed; and others, left out here',
        })
        clock.advance(5000)
        reporter.closed(closed('stalled'), {})
        expect(lines[2]!.fields, 'told once').to.not.have.property('omitted')
        reporter.closed(closed('stalled'), {})
        reporter.close()
        expect(lines[3]!.fields, 'at the end').to.deep.equal({ omitted: 1 })
        expect(timers.countTimers()).to.equal(0)
      } finally {
        timers.restore()
      }
    })

    it('is held back by others of its kind only', () => {
      const { reporter, lines } = makeReporter()
      for (let turn = 0; turn < 2; turn++) {
        reporter.invalid(invalid('frame'))
        reporter.invalid(invalid('odds'))
        reporter.invalid({ ...invalid('frame'), namespace: '/lobby' })
        reporter.fault('onShed', new Error('a'))
        reporter.fault('conflateBy of odds', new Error('a'))
        reporter.closed(closed('gone'), {})
        reporter.closed(closed('stalled'), {})
        reporter.recovered(client, summary, {})
        reporter.warn({ option: 'x' }, 'careful')
      }
      expect(lines).to.have.length(9)
    })

    it('is of a bounded number of kinds', () => {
      const { reporter, lines } = makeReporter()
      for (let n = 0; n < 1000; n++) reporter.invalid(invalid(`e${n}`))
      reporter.invalid(invalid('e999'))
      expect(lines).to.have.length(1000)
      reporter.invalid(invalid('e1000'))
      reporter.invalid(invalid('e999'))
      expect(lines, 'the kinds were forgotten, and one told of what it left out').to.have.length(
        1003,
      )
      expect(lines[1000]!.fields).to.deep.equal({ omitted: 1 })
    })

    it('has a level and says what happened', () => {
      const { reporter, lines } = makeReporter()
      reporter.invalid(invalid('frame'))
      reporter.fault('onShed', new TypeError('a'))
      reporter.recovered(client, summary, {})
      for (const code of ['gone', 'stalled', 'over-limit', 'emergency'] as const) {
        reporter.closed(closed(code), {})
      }
      reporter.congested(client)
      expect(lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
        'warn spillway: payload fails its schema; sent as critical',
        'error spillway: application callback failed',
        'info spillway: client has caught up',
        'info spillway: client closed',
        'warn spillway: client closed',
        'warn spillway: client closed',
        'warn spillway: client closed',
      ])
      expect(lines[0]!.fields).to.deep.equal(invalid('frame'))
      expect(lines[1]!.fields).to.include({ where: 'onShed', error: 'TypeError' })
      expect(lines[1]!.fields.stack).to.match(/^ +at .*reporter\.spec\.ts:\d+:\d+/)
      expect(lines[2]!.fields).to.deep.equal({ client, summary })
      expect(lines[3]!.fields).to.deep.equal({ client: closed('gone') })
    })

    it('leaves out the message of an error, which may quote a payload', () => {
      const { reporter, lines } = makeReporter()
      const errors = [new Error(MARKER), new Error(`a\n    at ${MARKER}\n${MARKER}`)]
      errors.push(Object.assign(new Error(MARKER), { stack: `Error: ${MARKER}` }))
      for (const [n, error] of errors.entries()) reporter.fault(`conflateBy of e${n}`, error)
      expect(lines).to.have.length(3)
      expect(JSON.stringify(lines)).to.not.include(MARKER)
    })

    it('may fail in a logger', () => {
      const fails = () => {
        throw new Error('disk full')
      }
      const log = { info: fails, warn: fails, error: fails }
      const reporter = new Reporter(log, fakeClock())
      reporter.invalid(invalid('frame'))
      reporter.fault('onShed', new Error('x'))
      reporter.closed(closed('gone'), {})
    })

    it('is left out without a logger', async () => {
      const reporter = new Reporter(undefined, fakeClock())
      const told = new Promise((resolve) => reporter.once('invalid', resolve))
      reporter.invalid(invalid('frame'))
      await told
    })
  })

  describe('an event', () => {
    it('is told after the current call, so that a listener may emit', async () => {
      const { reporter } = makeReporter()
      const order: string[] = []
      reporter.on('congested', () => order.push('told'))
      reporter.congested(client)
      order.push('returned')
      await settled()
      expect(order).to.deep.equal(['returned', 'told'])
    })

    it('carries what happened, one event a kind', async () => {
      const { reporter } = makeReporter()
      const told: unknown[] = []
      for (const event of ['congested', 'recovered', 'closed', 'invalid', 'fault'] as const) {
        reporter.on(event, (...args: unknown[]) => told.push([event, ...args]))
      }
      const error = new Error(MARKER)
      reporter.congested(client)
      reporter.recovered(client, summary, {})
      reporter.closed(closed('gone'), {})
      reporter.invalid(invalid('frame'))
      reporter.fault('onShed', error)
      await settled()
      expect(told).to.deep.equal([
        ['congested', client],
        ['recovered', client, summary],
        ['closed', closed('gone')],
        ['invalid', invalid('frame')],
        ['fault', 'onShed', error],
      ])
    })

    it('is told to once-listeners once', async () => {
      const { reporter } = makeReporter()
      let told = 0
      reporter.once('congested', () => told++)
      reporter.congested(client)
      reporter.congested(client)
      await settled()
      expect(told).to.equal(1)
      expect(reporter.listenerCount('congested')).to.equal(0)
    })

    const FAILING: Record<string, () => unknown> = {
      throws: () => {
        throw new Error(MARKER)
      },
      'throws no error': () => {
        throw undefined
      },
      rejects: () => Promise.reject(new Error(MARKER)),
      'returns a thenable that rejects': () => ({
        // biome-ignore lint/suspicious/noThenProperty: what other promise libraries return
        then: (_: unknown, reject: (reason: unknown) => void) => reject(new Error(MARKER)),
      }),
    }
    for (const [name, fails] of Object.entries(FAILING)) {
      it(`reaches the other listeners if one ${name}, which is logged`, async () => {
        const { reporter, lines } = makeReporter()
        const told: string[] = []
        reporter.on('congested', () => told.push('before'))
        reporter.on('congested', fails)
        reporter.on('congested', () => told.push('after'))
        reporter.on('fault', () => told.push('fault'))
        reporter.congested(client)
        await settled()
        expect(told).to.deep.equal(['before', 'after'])
        expect(lines.map(({ message }) => message)).to.deep.equal([
          'spillway: listener of congested failed',
        ])
        expect(JSON.stringify(lines)).to.not.include(MARKER)
      })
    }

    it('`fault` is not told of its own listeners', async () => {
      const { reporter, lines } = makeReporter()
      let told = 0
      reporter.on('fault', () => {
        told++
        throw new Error('again')
      })
      reporter.fault('onShed', new Error('first'))
      await settled()
      expect(told).to.equal(1)
      expect(lines).to.have.length(2)
    })
  })

  describe('of a client', () => {
    it('says who it is, its state, its queue and its last event, and shows what it made up as text', async () => {
      const written: string[] = []
      const stream = { write: (line: string) => written.push(line) }
      const fixture = await startApp(
        { messages, watermarks: { low: 4 * KiB, high: 8 * KiB, limit: 128 * MiB, horizon: 0 } },
        undefined,
        { logger: { level: 'info', stream } },
      )
      const hostile = `\u009b31m<img src=x onerror=alert(1)>${'a'.repeat(500)}`
      const client = await fixture.client({ extraHeaders: { 'user-agent': hostile } })
      const [socket] = [...fixture.io.sockets.sockets.values()]
      const id = fixture.app.spillway.client(client.id!)!.id
      const raw = (client.io.engine as unknown as { transport: { ws: { _socket: Socket } } })
        .transport.ws._socket
      raw.pause()
      await eventually(() => {
        socket!.emit('jackpot:won', { n: 1, pad: 'x'.repeat(64 * KiB) })
        return fixture.app.spillway.client(id)!.state === 'blocked'
      })
      for (let n = 0; n < 9; n++) socket!.emit('reel:frame', { n })
      const { lanes } = fixture.app.spillway.client(id)!
      raw.destroy()
      await eventually(() => fixture.app.spillway.closed().length === 1)
      await fixture.close()
      const line = written
        .map((each) => JSON.parse(each))
        .find(({ msg }) => msg === 'spillway: client closed')
      expect(line.client).to.include({ id, code: 'gone', address: '127.0.0.1' })
      expect(line).to.deep.include({ transport: 'websocket', congested: true, lanes })
      expect(line.lastEvent).to.deep.equal({
        namespace: '/',
        event: 'reel:frame',
        class: 'cosmetic',
      })
      expect(line.lastShed).to.include({ event: 'reel:frame', outcome: 'dropped' })
      expect(line.client.userAgent).to.match(/^\ufffd31m<img src=x onerror=alert\(1\)>a{100,}…$/)
      expect(written.join('')).to.not.match(/[\u0080-\u009f]/)
    })
  })

  it('logs no text as it is that somebody else made up, whatever line it is in', () => {
    const { reporter, lines } = makeReporter()
    const odd = `\u001b[31m\u202e\n${'a'.repeat(1000)}`
    const policy = { mode: 'enforce', watermarks: { low: 1, high: 2, limit: 3, emergency: 4 } }
    const from = { ...policy, maxAge: 1 } as const
    reporter.policy({ from, to: from, by: { userAgent: odd, [odd]: [odd] } } as never)
    reporter.closed({ ...closed('stalled'), userAgent: odd }, { lastEvent: { event: odd } })
    reporter.invalid({ namespace: odd, event: odd, issues: [odd] })
    reporter.refused({ reason: 'loop', retryAfter: 1, address: odd })
    reporter.adapter(odd, 'error', new Error(odd))
    reporter.warn({ odd }, odd)
    expect(lines).to.have.length(6)
    const text = JSON.stringify(lines)
    expect(text).to.include('aaaa\u2026')
    expect(text).to.not.match(/\\u001b|\u202e|\\n|a{201}/)
  })

  describe('#later', () => {
    it('reports one that throws or rejects as a fault', async () => {
      const { reporter, lines } = makeReporter()
      const faults: unknown[] = []
      reporter.on('fault', (where, error) => faults.push([where, error.message]))
      reporter.later('onShed', () => {
        throw new Error('sync')
      })
      reporter.later('onShed', async () => {
        throw new Error('async')
      })
      reporter.later('onShed', () => Promise.reject('no error'))
      // once for the callbacks, once for what is told of them
      await settled()
      await settled()
      expect(faults).to.deep.equal([
        ['onShed', 'sync'],
        ['onShed', 'async'],
        ['onShed', '"no error"'],
      ])
      expect(lines, 'one kind').to.have.length(1)
    })
  })

  describe('of a server', () => {
    it('logs no payload, whatever goes wrong', async () => {
      const lines: Line[] = []
      const messages = {
        frame: cosmetic(z.strictObject({ n: z.number(), pad: z.string().optional() })),
        odds: cosmetic(z.object({ id: z.string() }), { conflateBy: ({ id }) => JSON.parse(id) }),
      }
      const onShed = async () => {
        throw new Error(MARKER)
      }
      const fixture = await startServer({
        messages,
        log: logTo(lines),
        onShed,
        watermarks: { low: 2 * KiB, high: 4 * KiB, limit: 128 * MiB, horizon: 0 },
      })
      const { io, spillway } = fixture
      spillway!.events.on('invalid', () => {
        throw new Error(MARKER)
      })
      const slow = await fixture.raw()
      const [socket] = [...io.sockets.sockets.values()]
      io.emit('frame', { n: MARKER, [MARKER]: 1 })
      io.emit('odds', { id: `{${MARKER}` })
      await choke(fixture, slow)
      for (let n = 0; n < 50; n++) io.emit('frame', { n, pad: MARKER.repeat(50) })
      const caughtUp = new Promise((resolve) => spillway!.events.once('recovered', resolve))
      slow.resume()
      await caughtUp
      await choke(fixture, slow)
      io.emit('secret', MARKER)
      const gone = new Promise((resolve) => spillway!.events.once('closed', resolve))
      slow.close()
      await gone
      await eventually(() => lines.some(({ fields }) => fields.where === 'onShed'))
      expect(socket!.connected).to.equal(false)
      expect(new Set(lines.map(({ message }) => message))).to.have.all.keys(
        'spillway: payload fails its schema; sent as critical',
        'spillway: application callback failed',
        'spillway: listener of invalid failed',
        'spillway: client has caught up',
        'spillway: client closed',
      )
      expect(JSON.stringify(lines)).to.not.include(MARKER)
      await fixture.close()
    })

    it('warns of perMessageDeflate, which counts bytes before compression', () => {
      const lines: Line[] = []
      const io = new Server(0, { perMessageDeflate: true })
      const spillway = attach(io, { log: logTo(lines) })
      expect(lines).to.deep.equal([
        {
          level: 'warn',
          fields: { option: 'perMessageDeflate' },
          message: 'spillway: perMessageDeflate is on: sizes are counted before compression',
        },
      ])
      spillway.close()
      return io.close()
    })
  })
})
