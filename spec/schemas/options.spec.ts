import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { Server } from 'socket.io'
import { z } from 'zod'
import { attach } from '../../lib/attach.ts'
import type { ErrorCode } from '../../lib/base/errors.ts'
import { KiB } from '../../lib/base/units.ts'
import type { SpillwayOptions } from '../../lib/spillway-options.ts'
import { attachOptions } from '../../schemas/options.ts'
import { parseOptions } from '../../schemas/parse-options.ts'
import { adminOptions, pluginOptions } from '../../schemas/plugin-options.ts'
import { cosmetic, critical } from '../../schemas/priority.ts'
import { watermarks } from '../../schemas/watermarks.ts'
import { messages } from '../support/messages.ts'
import { expectRefusal, refusalOf } from '../support/refusals.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'

const BYTES = 'an integer from 1024 to 1073741824 (bytes)'
const SPAN = 'an integer from 100 to 3600000 (milliseconds)'
const HORIZON = 'an integer from 0 to 60000 (milliseconds)'
const GRACE = 'an integer from 0 to 3600000 (milliseconds)'
const LATENESS = 'an integer from 10 to 60000 (milliseconds)'
const ADMISSION = 'a plain object with any of the keys loopDelay, retryAfter'
const SHUTDOWN = 'a plain object with any of the keys deadline, spread'
const LOGGER = 'a logger with the methods info, warn and error, as pino has'
const MAP = 'an object of annotated zod schemas by event name'
const SCHEMA = 'an annotated zod 4 schema'
const MAPS = 'an object of message maps by namespace, or a Map of them'
const KEYS = `messages, namespaces, mode, validate, watermarks, maxAge, stallAfter, grace, tickBudget, budget, closedHistory, admission, shutdown, onShed, onClosed, gapEvent, shedInterval, log`
const OF_PLUGIN = 'io, server, metrics, prefix, logLevel, logSerializers, admin'
const KEYED = `a plain object with any of the keys ${KEYS}`
const GAP = "the name of an event of 1 to 200 characters, not one of Socket.IO's own"
const LEVELS = 'a plain object with any of the keys low, high, limit, emergency, horizon'
const INHERITING = 'an object that inherits from another one'
const quiet = { info() {}, warn() {}, error() {} }

/** What is given, then the refusal: path, given in words, allowed. */
const REFUSED: ReadonlyArray<[options: unknown, path: string, given: string, allowed: string]> = [
  [null, 'options', 'null', KEYED],
  ['64kb', 'options', '"64kb"', KEYED],
  [[], 'options', 'an array of 0', KEYED],
  [new Map([['mode', 'observe']]), 'options', 'an instance of Map', KEYED],
  [new Set(), 'options', 'an instance of Set', KEYED],
  [new Date(), 'options', 'an instance of Date', KEYED],
  [new (class Settings {})(), 'options', 'an instance of Settings', KEYED],
  [Object.create({ mode: 'observe' }), 'options', INHERITING, KEYED],
  [Promise.resolve({}), 'options', 'an instance of Promise', KEYED],
  [() => {}, 'options', 'a function', KEYED],
  [{ mesages: {} }, 'mesages', 'an object', `the keys ${KEYS}`],
  [{ foo: 1, bar: 2 }, 'foo', '1', `the keys ${KEYS}`],

  [{ messages: null }, 'messages', 'null', MAP],
  [{ messages: [] }, 'messages', 'an array of 0', MAP],
  [{ messages: new Map() }, 'messages', 'an instance of Map', MAP],
  [{ messages: Object.create({}) }, 'messages', INHERITING, MAP],
  [{ messages: { win: 1 } }, 'messages["win"]', '1', SCHEMA],
  [{ messages: { win: undefined } }, 'messages["win"]', 'undefined', SCHEMA],
  [{ messages: { win: z.any } }, 'messages["win"]', 'function any', SCHEMA],

  [{ namespaces: null }, 'namespaces', 'null', MAPS],
  [{ namespaces: new Date() }, 'namespaces', 'an instance of Date', MAPS],
  [{ namespaces: new Set() }, 'namespaces', 'an instance of Set', MAPS],
  [{ namespaces: Object.create({ '/a': {} }) }, 'namespaces', INHERITING, MAPS],
  [{ namespaces: { '/lobby': new Map() } }, 'namespaces["/lobby"]', 'an instance of Map', MAP],
  [{ namespaces: { '/lobby': new Date() } }, 'namespaces["/lobby"]', 'an instance of Date', MAP],
  [{ namespaces: '/lobby' }, 'namespaces', '"/lobby"', MAPS],
  [{ namespaces: [{}] }, 'namespaces', 'an array of 1', MAPS],
  [{ namespaces: { '/lobby': 1 } }, 'namespaces["/lobby"]', '1', MAP],
  [{ namespaces: { '/lobby': [] } }, 'namespaces["/lobby"]', 'an array of 0', MAP],
  [{ namespaces: { '/lobby': { win: 7 } } }, 'namespaces["/lobby"]["win"]', '7', SCHEMA],
  [{ namespaces: new Map([['/a', null]]) }, 'namespaces["/a"]', 'null', MAP],
  [
    { namespaces: new Map([[7, {}]]) },
    'namespaces',
    'a Map with the key 7',
    'a Map with names of namespaces or patterns as keys',
  ],
  [
    { namespaces: new Map([[/^\/t/g, {}]]) },
    'namespaces["/^\\\\/t/g"]',
    '/^\\/t/g',
    'patterns without the flags g and y',
  ],
  [
    { namespaces: new Map([[/^\/t/y, {}]]) },
    'namespaces["/^\\\\/t/y"]',
    '/^\\/t/y',
    'patterns without the flags g and y',
  ],

  [{ mode: 'off' }, 'mode', '"off"', '"enforce" or "observe"'],
  [{ mode: null }, 'mode', 'null', '"enforce" or "observe"'],
  [{ mode: Symbol('x') }, 'mode', 'Symbol(x)', '"enforce" or "observe"'],
  [{ validate: true }, 'validate', 'true', '"report", "throw" or "off"'],
  [{ validate: 'warn' }, 'validate', '"warn"', '"report", "throw" or "off"'],

  [{ watermarks: null }, 'watermarks', 'null', LEVELS],
  [{ watermarks: new Map() }, 'watermarks', 'an instance of Map', LEVELS],
  [{ watermarks: new Date() }, 'watermarks', 'an instance of Date', LEVELS],
  [{ watermarks: Object.create({ low: 1 }) }, 'watermarks', INHERITING, LEVELS],
  [{ watermarks: 65_536 }, 'watermarks', '65536', LEVELS],
  [
    { watermarks: { hihg: 1 } },
    'watermarks.hihg',
    '1',
    'the keys low, high, limit, emergency, horizon',
  ],
  [{ watermarks: { low: 1023 } }, 'watermarks.low', '1023', BYTES],
  [{ watermarks: { low: '64kb' } }, 'watermarks.low', '"64kb"', BYTES],
  [{ watermarks: { low: null } }, 'watermarks.low', 'null', BYTES],
  [{ watermarks: { high: 1024.5 } }, 'watermarks.high', '1024.5', BYTES],
  [{ watermarks: { high: Number.NaN } }, 'watermarks.high', 'NaN', BYTES],
  [{ watermarks: { limit: 2 ** 30 + 1 } }, 'watermarks.limit', '1073741825', BYTES],
  [{ watermarks: { limit: -1 } }, 'watermarks.limit', '-1', BYTES],
  [{ watermarks: { emergency: 0 } }, 'watermarks.emergency', '0', BYTES],
  [{ watermarks: { emergency: Infinity } }, 'watermarks.emergency', 'Infinity', BYTES],
  [{ watermarks: { horizon: -1 } }, 'watermarks.horizon', '-1', HORIZON],
  [{ watermarks: { horizon: 0.5 } }, 'watermarks.horizon', '0.5', HORIZON],
  [{ watermarks: { horizon: 60_001 } }, 'watermarks.horizon', '60001', HORIZON],

  [{ maxAge: 99 }, 'maxAge', '99', SPAN],
  [{ maxAge: 3_600_001 }, 'maxAge', '3600001', SPAN],
  [{ maxAge: '2s' }, 'maxAge', '"2s"', SPAN],
  [{ maxAge: 2000n }, 'maxAge', '2000n', SPAN],
  [{ stallAfter: 0 }, 'stallAfter', '0', SPAN],
  [{ stallAfter: Infinity }, 'stallAfter', 'Infinity', SPAN],
  [{ stallAfter: true }, 'stallAfter', 'true', SPAN],
  [{ grace: -1 }, 'grace', '-1', GRACE],
  [{ grace: 0.5 }, 'grace', '0.5', GRACE],
  [{ grace: 3_600_001 }, 'grace', '3600001', GRACE],
  [{ tickBudget: 0 }, 'tickBudget', '0', 'a number from 1 to 1000 (milliseconds)'],
  [{ tickBudget: 1001 }, 'tickBudget', '1001', 'a number from 1 to 1000 (milliseconds)'],
  [{ tickBudget: '8' }, 'tickBudget', '"8"', 'a number from 1 to 1000 (milliseconds)'],
  [{ budget: 0 }, 'budget', '0', 'an integer from 65536 to 1099511627776 (bytes)'],
  [{ budget: '64kb' }, 'budget', '"64kb"', 'an integer from 65536 to 1099511627776 (bytes)'],
  [{ closedHistory: 0 }, 'closedHistory', '0', 'an integer from 1 to 10000'],
  [{ closedHistory: 10_001 }, 'closedHistory', '10001', 'an integer from 1 to 10000'],
  [{ closedHistory: {} }, 'closedHistory', 'an object', 'an integer from 1 to 10000'],

  [{ admission: true }, 'admission', 'true', ADMISSION],
  [{ admission: new Map() }, 'admission', 'an instance of Map', ADMISSION],
  [{ admission: null }, 'admission', 'null', ADMISSION],
  [{ admission: { loop: 50 } }, 'admission.loop', '50', 'the keys loopDelay, retryAfter'],
  [{ admission: { loopDelay: 9 } }, 'admission.loopDelay', '9', LATENESS],
  [{ admission: { loopDelay: 60_001 } }, 'admission.loopDelay', '60001', LATENESS],
  [{ admission: { retryAfter: 5 } }, 'admission.retryAfter', '5', SPAN],
  [{ admission: { retryAfter: '5s' } }, 'admission.retryAfter', '"5s"', SPAN],
  [{ shutdown: false }, 'shutdown', 'false', SHUTDOWN],
  [{ shutdown: new Map() }, 'shutdown', 'an instance of Map', SHUTDOWN],
  [{ shutdown: [] }, 'shutdown', 'an array of 0', SHUTDOWN],
  [{ shutdown: { timeout: 1 } }, 'shutdown.timeout', '1', 'the keys deadline, spread'],
  [{ shutdown: { deadline: -1 } }, 'shutdown.deadline', '-1', GRACE],
  [{ shutdown: { deadline: 3_600_001 } }, 'shutdown.deadline', '3600001', GRACE],
  [{ shutdown: { spread: 0.5 } }, 'shutdown.spread', '0.5', GRACE],
  [
    { shutdown: { spread: 5001 } },
    'shutdown.spread',
    '5001 with deadline 5000',
    'at most shutdown.deadline',
  ],

  [{ onShed: 'log' }, 'onShed', '"log"', 'a function'],
  [{ onShed: null }, 'onShed', 'null', 'a function'],
  [{ onClosed: 7 }, 'onClosed', '7', 'a function'],
  [{ gapEvent: '' }, 'gapEvent', '""', GAP],
  [{ gapEvent: 'disconnect' }, 'gapEvent', '"disconnect"', GAP],
  [{ gapEvent: true }, 'gapEvent', 'true', GAP],
  [
    { gapEvent: 'fun', messages: { fun: cosmetic(z.any()) } },
    'gapEvent',
    '"fun", which is cosmetic in /',
    'an event that is critical or has no annotation',
  ],
  [{ shedInterval: -1 }, 'shedInterval', '-1', GRACE],
  [{ shedInterval: '30s' }, 'shedInterval', '"30s"', GRACE],
  [{ log: true }, 'log', 'true', LOGGER],
  [{ log: {} }, 'log', 'an object', LOGGER],
  [{ log: { warn() {} } }, 'log', 'an object', LOGGER],
  [{ log: { ...quiet, error: 'x' } }, 'log', 'an object', LOGGER],
]

const ACCEPTED: readonly SpillwayOptions[] = [
  {},
  { messages: {}, namespaces: {} },
  { namespaces: new Map() },
  { mode: 'observe', validate: 'off' },
  { mode: 'enforce', validate: 'throw' },
  { watermarks: { low: KiB, high: KiB + 1, limit: KiB + 2, emergency: KiB + 3 } },
  { watermarks: { limit: 2 ** 30 } },
  { watermarks: { horizon: 0 } },
  { watermarks: { horizon: 60_000 } },
  { maxAge: 100, stallAfter: 100, grace: 0, tickBudget: 1, budget: 65_536, closedHistory: 1 },
  {
    maxAge: 3_600_000,
    stallAfter: 3_600_000,
    grace: 3_600_000,
    tickBudget: 1000,
    closedHistory: 10_000,
  },
  { admission: {} },
  { admission: { loopDelay: 10, retryAfter: 100 } },
  { admission: { loopDelay: 60_000, retryAfter: 3_600_000 } },
  { shutdown: {} },
  { shutdown: { deadline: 0, spread: 0 } },
  { shutdown: { deadline: 3_600_000, spread: 3_600_000 } },
  { onShed() {}, onClosed() {}, gapEvent: 'gap', shedInterval: 0, log: console },
  { shedInterval: 3_600_000 },
]

describe('Options', () => {
  describe('attach', () => {
    for (const [options, path, given, allowed] of REFUSED) {
      it(`refuses ${path} that is ${given}`, () => {
        const refusal = refusalOf(() => attach(new Server(), options as SpillwayOptions))
        expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', path, given, allowed)
      })
    }

    it('has a refusal in this file for each of its options', () => {
      const tried = new Set(REFUSED.map(([, path]) => path.replace(/\[.*/, '')))
      const levels = Object.keys(watermarks.shape).map((level) => `watermarks.${level}`)
      expect([...tried]).to.include.members([...Object.keys(attachOptions.shape), ...levels])
    })

    for (const options of ACCEPTED) {
      it(`accepts ${JSON.stringify(options)}`, () => {
        attach(new Server(), options).close()
      })
    }

    const PLAIN: Record<string, () => SpillwayOptions> = {
      'an object without a prototype': () => Object.assign(Object.create(null), { grace: 5 }),
      'a frozen object': () => Object.freeze({ grace: 5 }),
      'a proxy of one': () => new Proxy({ grace: 5 }, {}),
      'an object of another realm': () => runInNewContext('({ grace: 5 })'),
      'an object with a getter': () => ({
        get grace() {
          return 5
        },
      }),
    }
    for (const [name, make] of Object.entries(PLAIN)) {
      it(`accepts ${name}`, () => {
        const spillway = attach(new Server(), make())
        expect(spillway.limits.grace).to.equal(5)
        spillway.close()
      })
    }

    it('lets an error of a getter through, and leaves the server as it was', () => {
      const io = new Server()
      const broken = {
        get mode(): never {
          throw new RangeError('broken')
        },
      }
      for (const options of [broken, { watermarks: broken }, { messages: broken }]) {
        expect(() => attach(io, options as SpillwayOptions)).to.throw(RangeError, 'broken')
        expectUntouched(io)
      }
    })

    it('neither changes nor keeps the given object', () => {
      const levels = Object.freeze({ low: 2 * KiB })
      const given = { messages: Object.freeze({ ...messages }), watermarks: levels, grace: 5 }
      const spillway = attach(new Server(), Object.freeze(given))
      expect(given).to.have.all.keys('messages', 'watermarks', 'grace')
      expect(spillway.limits).to.include({ low: 2 * KiB, high: 128 * KiB, grace: 5 })
      spillway.close()
    })
  })

  describe('setMode', () => {
    it('refuses another mode by its path', () => {
      const spillway = attach(new Server())
      const refusal = refusalOf(() => spillway.setMode('off' as 'observe'))
      const allowed = '"enforce" or "observe"'
      expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', 'mode', '"off"', allowed)
      expect(spillway.limits.mode).to.equal('enforce')
      spillway.close()
    })
  })

  describe('io', () => {
    // of Engine.IO itself, which Socket.IO brings along
    const { uServer } = createRequire(import.meta.resolve('socket.io'))(
      'engine.io',
    ) as typeof import('engine.io')
    const ofSocketIo = 'a Server of socket.io 4.7 or later'
    const NOT_SOCKET_IO: ReadonlyArray<[io: unknown, given: string]> = [
      [null, 'null'],
      [undefined, 'undefined'],
      [{}, 'an object'],
      [[], 'an array of 0'],
      [{ of() {}, bind() {}, encoder: { encode() {} } }, 'an object'],
      ['http://localhost', '"http://localhost"'],
      [3000, '3000'],
      [createServer(), 'an instance of Server'],
      [new Server().of('/lobby'), 'an instance of Namespace'],
      [Server, 'function Server'],
    ]
    for (const [io, given] of NOT_SOCKET_IO) {
      it(`refuses ${given}`, () => {
        const refusal = refusalOf(() => attach(io as Server))
        expectRefusal(refusal, 'SPILLWAY_NOT_SOCKET_IO', 'io', given, ofSocketIo)
      })
    }

    const onUws = 'uWebSockets.js'
    const elsewhere = /^Socket\.IO on a Node HTTP server; uWebSockets\.js publishes past every/

    it('refuses a server on uWebSockets.js', () => {
      const io = Object.assign(new Server(), { engine: new uServer() })
      const refusal = refusalOf(() => attach(io as unknown as Server))
      expect(refusal).to.have.property('code', 'SPILLWAY_UNSUPPORTED_ENGINE')
      expect(refusal.message).to.match(/^io\.engine: was given "?uWebSockets\.js/)
      expectUntouched(io as unknown as Server)
    })

    it('refuses uWebSockets.js afterwards, by attachApp and by bind', () => {
      const io = new Server()
      const spillway = attach(io)
      for (const [path, call] of [
        ['io.attachApp()', () => io.attachApp({})],
        ['io.engine', () => io.bind(new uServer() as never)],
      ] as const) {
        const refusal = refusalOf(call)
        expect(refusal).to.have.property('code', 'SPILLWAY_UNSUPPORTED_ENGINE')
        expect(refusal.message).to.include(`${path}: was given `).and.to.include(onUws)
        expect(refusal.message.split('allowed: ')[1]).to.match(elsewhere)
      }
      spillway.close()
      expectUntouched(io)
    })

    it('refuses a server that has a Spillway, and takes it when that one is closed', () => {
      const io = new Server()
      const first = attach(io)
      const refusal = refusalOf(() => attach(io))
      expect(refusal).to.have.property('code', 'SPILLWAY_ALREADY_ATTACHED')
      expect(refusal.message).to.match(/^io: was given "?a server that has a Spillway"?; allowed: /)
      expect(Object.hasOwn(io.encoder, 'encode')).to.equal(true)
      first.close()
      attach(io).close()
      expectUntouched(io)
    })
  })

  describe('after a refusal', () => {
    let fixture: Fixture
    beforeEach(async () => {
      fixture = await startServer('plain')
    })
    afterEach(() => fixture.close())

    const twice = critical(z.string())
    const BAD: ReadonlyArray<[code: ErrorCode, options: SpillwayOptions]> = [
      ['SPILLWAY_INVALID_OPTION', { grace: -1 }],
      ['SPILLWAY_WATERMARK_ORDER', { watermarks: { high: KiB } }],
      ['SPILLWAY_UNANNOTATED_SCHEMA', { messages: { win: z.string() } }],
      ['SPILLWAY_RESERVED_EVENT', { messages: { disconnect: twice } }],
      ['SPILLWAY_DUPLICATE_EVENT', { messages: { a: twice }, namespaces: { '/': { a: twice } } }],
    ]

    it('the server is as it was, and a correct attach works', async () => {
      const { io } = fixture
      for (const [code, options] of BAD) {
        expect(refusalOf(() => attach(io, options))).to.have.property('code', code)
        expectUntouched(io)
        expect(io.engine.listenerCount('connection')).to.equal(1)
      }
      const spillway = attach(io, { messages })
      const client = await fixture.client()
      const got = new Promise((resolve) => client.once('jackpot:won', resolve))
      io.emit('jackpot:won', { n: 1 })
      expect(await got).to.deep.equal({ n: 1 })
      expect(spillway.stats().classes.critical.sent.messages).to.be.greaterThan(0)
      spillway.close()
      expectUntouched(io)
    })
  })

  describe('of the plugin', () => {
    const SERVER = "an object of Socket.IO's server options"
    const SERIALIZERS = 'an object of functions by the key of a log line'
    const PLUGIN: ReadonlyArray<[given: unknown, path: string, shown: string, allowed: string]> = [
      [{ admim: {} }, 'admim', 'an object', `the keys ${KEYS}, ${OF_PLUGIN}`],
      [{ logLevels: {} }, 'logLevels', 'an object', `the keys ${KEYS}, ${OF_PLUGIN}`],
      [{ server: 3000 }, 'server', '3000', SERVER],
      [{ server: new Map() }, 'server', 'an instance of Map', SERVER],
      [{ server: new Date() }, 'server', 'an instance of Date', SERVER],
      [{ logSerializers: new Map() }, 'logSerializers', 'an instance of Map', SERIALIZERS],
      [{ logSerializers: { req: 5 } }, 'logSerializers', 'an object', SERIALIZERS],
      [
        { metrics: new Map() },
        'metrics',
        'an instance of Map',
        'a plain object with any of the keys registry',
      ],
      [{ metrics: { registry: {} } }, 'metrics.registry', 'an object', 'a Registry of prom-client'],
      [
        { admin: true },
        'admin',
        'true',
        'a plain object with any of the keys prefix, auth, changeAuth, ui, rateLimit',
      ],
      [
        { admin: null },
        'admin',
        'null',
        'a plain object with any of the keys prefix, auth, changeAuth, ui, rateLimit',
      ],
      [
        { admin: { auth: false, path: '/' } },
        'admin.path',
        '"/"',
        'the keys prefix, auth, changeAuth, ui, rateLimit',
      ],
    ]
    const AUTH = 'an onRequest hook, an array of at least one, or an explicit false'
    for (const auth of [true, null, 'token', 0, [], {}]) {
      const shown = Array.isArray(auth) ? `an array of ${auth.length}` : describeGiven(auth)
      it(`refuses admin.auth that is ${shown}`, () => {
        const refusal = refusalOf(() => parseOptions(pluginOptions, { admin: { auth } }))
        expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', 'admin.auth', shown, AUTH)
      })
    }
    for (const name of ['auth', 'changeAuth']) {
      it(`refuses what is no hook in admin.${name} by its index`, () => {
        for (const [hooks, index, shown] of [
          [[1], 0, '1'],
          [[() => {}, 5], 1, '5'],
          [[() => {}, undefined, 'x'], 1, 'undefined'],
          [[() => {}, [() => {}]], 1, 'an array of 1'],
        ] as const) {
          const given = { admin: { auth: false, [name]: hooks } }
          const refusal = refusalOf(() => parseOptions(pluginOptions, given))
          const path = `admin.${name}[${index}]`
          expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', path, shown, 'an onRequest hook')
        }
      })
    }
    const PREFIX =
      'a path as /ops/spillway, its segments of letters, digits and - _ . but neither empty nor . or ..'
    const BAD_PREFIXES = [
      ...[
        '',
        'spillway',
        '/a b',
        '/a?b',
        '/:id',
        '/a*',
        '/ü',
        5,
        null,
        '/a#b',
        '/a\n',
        ' /a',
        '/%2e',
      ],
      ...['/a/../b', '/..', '/../', '/a/.', '/./a', '//', '//a', '/a//b', '/a//', '/a\\b'],
    ]
    for (const prefix of BAD_PREFIXES) {
      it(`refuses admin.prefix that is ${describeGiven(prefix)}`, () => {
        const given = { admin: { auth: false, prefix } }
        const refusal = refusalOf(() => parseOptions(pluginOptions, given))
        const shown = describeGiven(prefix)
        expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', 'admin.prefix', shown, PREFIX)
      })
    }
    for (const [given, path, shown, allowed] of PLUGIN) {
      it(`refuses ${path} that is ${shown}`, () => {
        const refusal = refusalOf(() => parseOptions(pluginOptions, given))
        expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', path, shown, allowed)
      })
    }

    it('mounts at /spillway unless told otherwise', () => {
      expect(parseOptions(adminOptions, { auth: false }).prefix).to.equal('/spillway')
      for (const prefix of ['/', '/a', '/a/b-c_d.e', '/a/', '/.ops/a..b/...']) {
        expect(parseOptions(adminOptions, { auth: false, prefix }).prefix).to.equal(prefix)
      }
    })
  })

  describe('parseOptions', () => {
    it('returns a frozen copy with the defaults', () => {
      const given = { mode: 'observe' }
      const parsed = parseOptions(attachOptions, given)
      expect(parsed).to.be.frozen.and.to.not.equal(given)
      expect(parsed).to.deep.include({
        mode: 'observe',
        validate: 'report',
        watermarks: { low: 64 * KiB, high: 128 * KiB, limit: 512 * KiB, horizon: 500 },
        maxAge: 2000,
        stallAfter: 10_000,
        grace: 10_000,
        tickBudget: 8,
        closedHistory: 100,
      })
      expect(given).to.deep.equal({ mode: 'observe' })
    })

    it('names a nested mistake by the path of what it parses', () => {
      const refusal = refusalOf(() => parseOptions(adminOptions, { auth: 1 }, 'app.admin'))
      expect(refusal.message).to.match(/^app\.admin\.auth: was given 1;/)
      const whole = refusalOf(() => parseOptions(adminOptions, 1, 'app.admin'))
      expect(whole.message).to.match(/^app\.admin: was given 1;/)
    })
  })
})

/** Nothing of Socket.IO is shadowed. */
function expectUntouched(io: Server): void {
  expect(Object.hasOwn(io.encoder, 'encode'), 'io.encoder.encode').to.equal(false)
  for (const name of ['bind', 'attach', 'attachApp']) {
    expect(Object.hasOwn(io, name), `io.${name}`).to.equal(false)
  }
}

function describeGiven(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object' : JSON.stringify(value)
}
