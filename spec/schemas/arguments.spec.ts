import { once } from 'node:events'
import { expect } from 'chai'
import { Registry } from 'prom-client'
import { Server } from 'socket.io'
import { attach } from '../../lib/attach.ts'
import { registerMetrics } from '../../lib/metrics/register.ts'
import type { Spillway } from '../../lib/spillway.ts'
import { messages } from '../support/messages.ts'
import { expectRefusal, refusalOf, refusalOfPromise } from '../support/refusals.ts'
import { startApp } from '../support/servers/app.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'

/** Values and how a refusal tells them; each is of no use to most methods. */
const VALUES: ReadonlyArray<readonly [value: unknown, given: string]> = [
  [null, 'null'],
  [5, '5'],
  [-1, '-1'],
  [Number.NaN, 'NaN'],
  [2 ** 60, String(2 ** 60)],
  [5n, '5n'],
  ['', '""'],
  ['5', '"5"'],
  [true, 'true'],
  [Symbol('s'), 'Symbol(s)'],
  [() => {}, 'a function'],
  [[], 'an array of 0'],
  [[1, 2], 'an array of 2'],
  [new Map([['mode', 'observe']]), 'an instance of Map'],
  [new Date(), 'an instance of Date'],
  [/x/, '/x/'],
  [new (class Change {})(), 'an instance of Change'],
  [Object.create({ mode: 'observe' }), 'an object that inherits from another one'],
  [Promise.resolve({}), 'an instance of Promise'],
  [Object.freeze([]), 'an array of 0'],
  [new String('id'), 'an instance of String'],
]
const PLAIN: ReadonlyArray<readonly [value: unknown, given: string]> = [
  [{}, 'an object'],
  [Object.freeze({}), 'an object'],
  [Object.create(null), 'an object'],
  [new Proxy({}, {}), 'an object'],
]
const UNDEFINED = [[undefined, 'undefined']] as const

const isText = (value: unknown) => typeof value === 'string'
const never = () => false

const ID = 'a string, the id of a client or of one of its sockets'

interface Argument {
  readonly path: string
  readonly allowed: string | RegExp
  readonly call: (spillway: Spillway, value: never) => unknown
  readonly fits: (value: unknown) => boolean
  readonly values: ReadonlyArray<readonly [value: unknown, given: string]>
}

const argument = (
  path: string,
  allowed: string | RegExp,
  call: Argument['call'],
  values: Argument['values'],
  fits: Argument['fits'] = never,
): Argument => ({ path, allowed, call, values, fits })

const ALL = [...VALUES, ...PLAIN]
const isMode = /^"enforce" or "observe"$/

/** Every argument of every public method. */
const ARGUMENTS: Record<string, Argument> = {
  'attach(io, options)': argument(
    'options',
    /^a plain object with any of the keys messages, /,
    (_, value) => attach(new Server(), value),
    VALUES,
  ),
  'setMode(mode)': argument('mode', isMode, (s, value) => s.setMode(value), [...ALL, ...UNDEFINED]),
  'setPolicy(change)': argument(
    'policy',
    'a plain object with any of the keys mode, watermarks, maxAge',
    (s, value) => s.setPolicy(value),
    [...VALUES, ...UNDEFINED],
  ),
  'setPolicy(_, by)': argument(
    'by',
    'a plain object, for the log',
    (s, value) => s.setPolicy({ mode: 'observe' }, value),
    VALUES,
  ),
  'of(name)': argument(
    'name',
    'the name of a namespace; a pattern or a function, as of io.of()',
    (s, value) => s.of(value),
    [...ALL, ...UNDEFINED],
    (value) => isText(value) || typeof value === 'function' || value instanceof RegExp,
  ),
  'client(id)': argument('id', ID, (s, value) => s.client(value), [...ALL, ...UNDEFINED], isText),
  'queue(id)': argument('id', ID, (s, value) => s.queue(value), [...ALL, ...UNDEFINED], isText),
  'queue(_, limit)': argument(
    'limit',
    'an integer from 1 to 1000',
    (s, value) => s.queue('nobody', value),
    ALL,
    (value) => value === 5,
  ),
  'terminate(id)': argument(
    'id',
    ID,
    (s, value) => s.terminate(value),
    [...ALL, ...UNDEFINED],
    isText,
  ),
  'exempt(id)': argument('id', ID, (s, value) => s.exempt(value), [...ALL, ...UNDEFINED], isText),
  'exempt(_, exempt)': argument(
    'exempt',
    'a boolean',
    (s, value) => s.exempt('nobody', value),
    ALL,
    (value) => value === true,
  ),
  'guard(client)': argument(
    'client',
    'a client of redis or ioredis',
    (s, value) => s.guard(value),
    [...ALL, ...UNDEFINED],
  ),
  'list(query)': argument(
    'query',
    /^a plain object with any of the keys sort, /,
    (s, value) => s.list(value),
    VALUES,
  ),
  'shutdown(pace)': argument(
    'shutdown',
    'a plain object with any of the keys deadline, spread',
    (s, value) => s.shutdown(value),
    VALUES,
  ),
  'registerMetrics(spillway)': argument(
    'spillway',
    'the handle that attach() returns, or app.spillway',
    (_, value) => registerMetrics(value, new Registry()),
    [...ALL, ...UNDEFINED],
  ),
  'registerMetrics(_, registry)': argument(
    'registry',
    'a Registry of prom-client',
    (s, value) => registerMetrics(s, value),
    [...ALL, ...UNDEFINED],
  ),
}

describe('Arguments', () => {
  let spillway: Spillway
  beforeEach(() => {
    spillway = attach(new Server()) as unknown as Spillway
  })
  afterEach(() => spillway.close())

  for (const [name, { path, allowed, call, fits, values }] of Object.entries(ARGUMENTS)) {
    it(`of ${name} of a wrong kind are refused, and change nothing`, async () => {
      const before = spillway.policy
      for (const [value, given] of values) {
        if (fits(value)) continue
        const refusal = await refusalOfPromise(
          new Promise((resolve) => resolve(call(spillway, value as never))),
        )
        expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', path, given, allowed)
      }
      expect(spillway.policy).to.deep.equal(before)
      expect(spillway.isOpen).to.equal(true)
      expect([...spillway.io._nsps.keys()]).to.deep.equal(['/'])
    })
  }

  it('that are left out are as undefined', async () => {
    expect(spillway.setPolicy({ mode: 'observe' }, undefined).mode).to.equal('observe')
    expect(spillway.queue('nobody', undefined)).to.equal(undefined)
    expect(spillway.exempt('nobody', undefined)).to.equal(false)
    expect(await spillway.list(undefined)).to.include({ total: 0 })
    expect(await spillway.list({ limit: undefined, room: undefined } as object)).to.include({
      total: 0,
    })
    await spillway.shutdown({ deadline: undefined, spread: undefined } as object)
  })

  it('are not changed, nor frozen', () => {
    const by = { who: 'me' }
    const pattern = /^\/room-/
    spillway.setPolicy({ mode: 'observe' }, by)
    spillway.of(pattern as never)
    expect(by).to.not.be.frozen
    expect(pattern).to.not.be.frozen
  })

  it('of a shutdown are checked with those that stay', () => {
    const refusal = refusalOf(() => spillway.shutdown({ spread: 5001 }))
    const given = '5001 with deadline 5000'
    const allowed = 'at most shutdown.deadline'
    expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', 'shutdown.spread', given, allowed)
    for (const pace of [
      { deadline: -1 },
      { deadline: '5' },
      { spread: Number.NaN },
      { dedline: 1 },
    ]) {
      const [key] = Object.keys(pace)
      const { message } = refusalOf(() => spillway.shutdown(pace as object))
      expect(message).to.match(new RegExp(`^shutdown\\.${key}: was given `))
    }
  })
})

describe('A Spillway that is closed', () => {
  let fixture: Fixture
  let spillway: Spillway
  beforeEach(async () => {
    fixture = await startServer({ messages })
    spillway = fixture.spillway as unknown as Spillway
  })
  afterEach(() => fixture.close())

  const CHANGES: Record<string, (spillway: Spillway) => unknown> = {
    'setPolicy()': (each) => each.setPolicy({ mode: 'observe' }),
    'setMode()': (each) => each.setMode('observe'),
    'terminate()': (each) => each.terminate('nobody'),
    'exempt()': (each) => each.exempt('nobody'),
    'guard()': (each) => each.guard({ on() {}, duplicate() {}, sendCommand() {} } as never),
    'shutdown()': (each) => each.shutdown(),
    'registerMetrics()': (each) => registerMetrics(each, new Registry()),
  }
  for (const [method, change] of Object.entries(CHANGES)) {
    it(`refuses ${method}`, async () => {
      const client = await fixture.raw()
      const before = spillway.policy
      spillway.close()
      const refusal = refusalOf(() => change(spillway))
      const allowed = /^calls before it; attach\(\) puts the server under another Spillway$/
      expectRefusal(refusal, 'SPILLWAY_CLOSED', method, 'a call after close()', allowed)
      expect(spillway.policy).to.deep.equal(before)
      fixture.io.emit('plain', 1)
      await client.until(() => client.events.includes('plain'))
    })
  }

  it('tells of nobody, and what was counted', async () => {
    const client = await fixture.raw()
    const gone = await fixture.raw()
    const [{ id }] = [...spillway.clients()] as unknown as [{ id: string }]
    fixture.io.emit('jackpot:won', { n: 1 })
    await client.until(() => client.events.includes('jackpot:won'))
    const ended = once(spillway.events, 'closed')
    spillway.terminate([...spillway.clients()][1]!.id)
    await ended
    gone.close()
    const before = spillway.stats()
    spillway.close()
    spillway.close()
    expect(spillway.client(id)).to.equal(undefined)
    expect(spillway.queue(id)).to.equal(undefined)
    expect([...spillway.clients()]).to.deep.equal([])
    expect(await spillway.list()).to.deep.equal({ total: 0, clients: [], next: null })
    expect(spillway.closed().map(({ code }) => code)).to.deep.equal(['terminated'])
    expect(spillway.stats().classes).to.deep.equal(before.classes)
    expect(spillway.stats().clients.connected).to.equal(0)
    expect(spillway.of('/elsewhere' as never)).to.equal(fixture.io.of('/elsewhere'))
  })

  it('has done what a shutdown is for, if there was one', async () => {
    const first = spillway.shutdown()
    spillway.close()
    await first
    await spillway.shutdown()
  })

  it('by the application closes with its app, whose routes tell that nothing can be changed', async () => {
    const app = await startApp({ admin: { auth: false, changeAuth: false } })
    app.app.spillway.close()
    for (const [method, path] of [
      ['PATCH', '/spillway/policy'],
      ['DELETE', '/spillway/clients/nobody'],
    ] as const) {
      const payload = method === 'PATCH' ? { payload: { mode: 'observe' } } : {}
      const answer = await app.app.inject({ method, url: path, ...payload })
      expect(answer.statusCode, path).to.equal(503)
      expect(answer.json().message).to.include('was given a call after close()')
    }
    expect((await fetch(`${app.url}/spillway/clients`)).status).to.equal(200)
    await app.close()
  })
})
