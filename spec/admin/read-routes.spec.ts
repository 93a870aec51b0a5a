import http from 'node:http'
import { expect } from 'chai'
import fc from 'fast-check'
import type { onRequestAsyncHookHandler, onRequestHookHandler } from 'fastify'
import { z } from 'zod'
import { KiB, MiB } from '../../lib/base/units.ts'
import type { SpillwayPluginOptions } from '../../lib/plugin-options.ts'
import type { SpillwayOptions } from '../../lib/spillway-options.ts'
import { cosmetic, critical } from '../../schemas/priority.ts'
import {
  type ClientStats,
  clientStats,
  clientsPage,
  closedPage,
  failure,
  spillwayStats,
} from '../../schemas/stats.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { messages } from '../support/messages.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import '../support/rejections.ts'
import { eventually, RawClient } from '../support/servers/server.ts'

const MARKER = 'xyzzy-4711'
const FILLER = 'x'.repeat(16 * KiB)

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** A request whose path goes on the wire as it is given. */
function get(url: string, path: string, method = 'GET'): Promise<Answer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path, method, agent }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, text }),
      )
    })
    request.on('error', reject)
    request.end()
  })
}

let agent: http.Agent

/** An answer of exactly this shape: nothing is missing and nothing is in it besides. */
function parse<S extends z.ZodType>(schema: S, answer: Answer): z.output<S> {
  expect(answer.status, answer.text).to.equal(200)
  const body: unknown = JSON.parse(answer.text)
  expect(schema.parse(body)).to.deep.equal(body)
  return body as z.output<S>
}

function parseFailure(answer: Answer): z.output<typeof failure> {
  const body: unknown = JSON.parse(answer.text)
  expect(failure.parse(body)).to.deep.equal(body)
  return body as z.output<typeof failure>
}

describe('Admin', () => {
  let fixture: AppFixture
  const start = async (
    admin: SpillwayPluginOptions['admin'] = { auth: false },
    options: SpillwayPluginOptions = {},
    prepare?: Parameters<typeof startApp>[1],
  ) => {
    fixture = await startApp({ messages, admin: admin!, ...options }, prepare)
    return fixture
  }
  const ask = (path: string, method?: string) => get(fixture.url, path, method)
  beforeEach(() => {
    agent = new http.Agent({ keepAlive: true })
  })
  afterEach(async () => {
    agent.destroy()
    await fixture.close()
  })

  describe('GET {prefix}', () => {
    it('has the shape of spillwayStats, before and after there are clients', async () => {
      await start()
      const before = parse(spillwayStats, await ask('/spillway'))
      expect(before.clients).to.deep.equal({ connected: 0, congested: 0, waiting: 0 })
      const client = await fixture.raw()
      fixture.io.emit('jackpot:won', { n: 1 })
      fixture.io.emit('reel:frame', { n: 1 })
      fixture.io.emit('reel:frame', { n: 'a' })
      await client.until(() => client.events.length === 3)
      const after = parse(spillwayStats, await ask('/spillway'))
      expect(after.clients.connected).to.equal(1)
      const { critical, cosmetic } = after.classes
      expect(critical.sent.messages).to.equal(before.classes.critical.sent.messages + 3)
      expect(cosmetic.sent.messages).to.equal(1)
      expect(after.events.find(({ invalid }) => invalid > 0)).to.include({ event: 'reel:frame' })
      expect(after.memory.rss).to.be.greaterThan(1024 * KiB)
    })
  })

  describe('GET {prefix}/clients/:id', () => {
    it('tells of a client why it is not sent to, what waits and what was shed', async () => {
      const odds = cosmetic(z.any(), { conflateBy: 'table' } as never)
      const watermarks = { low: 4 * KiB, high: 8 * KiB, limit: 128 * MiB, horizon: 0 }
      await start(undefined, { messages: { ...messages, odds }, watermarks })
      const { io, app } = fixture
      const client = await fixture.raw()
      const [id] = [...io.sockets.sockets.keys()]
      const ready = parse(clientStats, await ask(`/spillway/clients/${id}`))
      expect(ready).to.include({ state: 'ready', congested: false, queued: 0, lastShed: null })
      expect(ready.sockets).to.deep.equal({ '/': id })
      expect(ready.transport).to.equal('websocket')
      expect(ready.address).to.match(/127\.0\.0\.1$/)

      await choke(fixture, client)
      io.emit('jackpot:won', { n: 1 })
      for (let n = 0; n < 4; n++) io.emit('odds', { table: 'a', n })
      const blocked = parse(clientStats, await ask(`/spillway/clients/${ready.id}`))
      expect(blocked.state).to.equal('blocked')
      expect(blocked.why).to.match(/^waits until /)
      expect(blocked.congested).to.equal(true)
      expect(blocked.lanes.critical.messages).to.be.greaterThan(0)
      expect(blocked.buffered).to.be.at.least(blocked.queued + blocked.outstanding)
      expect(blocked.lastShed).to.include({ event: 'odds', namespace: '/' })
      expect(blocked.dropped.messages + blocked.conflated.messages).to.be.greaterThan(0)
      expect(app.spillway.stats().clients.congested).to.equal(1)
      const totals = parse(spillwayStats, await ask('/spillway'))
      expect(totals.clients).to.deep.equal({ connected: 1, congested: 1, waiting: 1 })
      expect(totals.buffered).to.equal(blocked.buffered)
    })

    it('forgets the namespaces that a client leaves by itself', async () => {
      await start()
      fixture.io.of('/lobby')
      const client = await fixture.raw()
      await client.join('/lobby')
      const namespaces = () => Object.keys([...fixture.app.spillway.clients()][0]!.sockets)
      expect(namespaces()).to.deep.equal(['/', '/lobby'])
      client.send('41/lobby,')
      await eventually(() => namespaces().length === 1)
      expect(namespaces()).to.deep.equal(['/'])
    })

    it('knows a client by the id of any of its sockets', async () => {
      await start()
      fixture.io.of('/lobby')
      const client = await fixture.raw()
      await client.join('/lobby')
      const ids = ['/', '/lobby'].map((name) => [...fixture.io.of(name).sockets.keys()][0]!)
      const [main, lobby] = await Promise.all(
        ids.map(async (id) => parse(clientStats, await ask(`/spillway/clients/${id}`))),
      )
      expect(main!.id).to.equal(lobby!.id)
      expect(main!.sockets).to.deep.equal({ '/': ids[0], '/lobby': ids[1] })
    })

    it('answers 404 for one that is gone, or never was', async () => {
      await start()
      const client = await fixture.raw()
      const [{ id }] = [...fixture.app.spillway.clients()] as [ClientStats]
      client.close()
      await eventually(() => fixture.app.spillway.stats().clients.connected === 0)
      for (const each of [
        id,
        'nope',
        '%20',
        '%00',
        '__proto__',
        'constructor',
        '..%2f',
        '%F0%9F',
      ]) {
        const answer = await ask(`/spillway/clients/${each}`)
        expect(answer.status, each).to.be.oneOf([400, 404])
        expect(JSON.parse(answer.text).message, each).to.match(/\S/)
      }
      const { error, message } = parseFailure(await ask(`/spillway/clients/${id}`))
      expect({ error, message }).to.deep.equal({
        error: 'Not Found',
        message: 'no such client is connected',
      })
    })
  })

  describe('GET {prefix}/closed', () => {
    it('lists who was closed with something to tell about it, latest first', async () => {
      await start(undefined, { watermarks: BOUNDLESS })
      expect(parse(closedPage, await ask('/spillway/closed')).closed).to.deep.equal([])
      for (let n = 0; n < 2; n++) {
        const client = await fixture.raw()
        await choke(fixture, client)
        fixture.io.emit('jackpot:won', { n })
        client.close()
        await eventually(() => fixture.app.spillway.stats().clients.connected === 0)
      }
      const { closed } = parse(closedPage, await ask('/spillway/closed'))
      expect(closed.map(({ code }) => code)).to.deep.equal(['gone', 'gone'])
      expect(closed[0]!.id).to.not.equal(closed[1]!.id)
      expect(closed[0]!.at >= closed[1]!.at).to.equal(true)
      expect(closed[0]!.undelivered.messages).to.be.greaterThan(0)
      expect(parse(spillwayStats, await ask('/spillway')).closed.gone).to.equal(2)
    })
  })

  describe('GET {prefix}/clients', () => {
    const CLIENTS = 23

    const populate = (): Promise<RawClient[]> =>
      Promise.all(Array.from({ length: CLIENTS }, () => fixture.raw()))

    async function walk(query: string): Promise<ClientStats[]> {
      const seen: ClientStats[] = []
      for (let cursor = ''; ; ) {
        const page = parse(clientsPage, await ask(`/spillway/clients?${query}${cursor}`))
        expect(page.total).to.equal(CLIENTS)
        seen.push(...page.clients)
        if (page.next === null) return seen
        cursor = `&cursor=${page.next}`
      }
    }

    it('pages through all of them, each once, by a cursor', async () => {
      await start()
      await populate()
      for (const limit of [1, 7, CLIENTS - 1, CLIENTS, CLIENTS + 1, 200]) {
        for (const sort of ['buffered', 'shed']) {
          const seen = await walk(`limit=${limit}&sort=${sort}`)
          expect(seen, `${sort} by ${limit}`).to.have.length(CLIENTS)
          expect(new Set(seen.map(({ id }) => id)).size).to.equal(CLIENTS)
        }
      }
      expect(parse(clientsPage, await ask('/spillway/clients'))).to.include({ next: null })
    })

    it('sorts by what is buffered, or by what was shed, most first', async () => {
      const watermarks = { low: 4 * KiB, high: 8 * KiB, limit: 128 * MiB, horizon: 0 }
      await start(undefined, { watermarks })
      const clients = await populate()
      for (const client of clients.slice(0, 3)) client.stall()
      const sockets = [...fixture.io.sockets.sockets.values()].slice(0, 3)
      const isBlocked = ({ id }: { id: string }) =>
        fixture.app.spillway.client(id)?.state === 'blocked'
      while (!sockets.every(isBlocked)) {
        for (const socket of sockets) socket.emit('filler', FILLER)
        await new Promise((resolve) => setImmediate(resolve))
      }
      for (const [n, socket] of sockets.entries()) {
        for (let m = 0; m <= n * 5; m++) socket.emit('jackpot:won', { n: m, pad: 'x'.repeat(100) })
        for (let m = 0; m < 50 - n * 5; m++)
          socket.emit('reel:frame', { n: m, pad: 'x'.repeat(900) })
      }
      for (const [sort, figure] of [
        ['buffered', ({ buffered }: ClientStats) => buffered],
        [
          'shed',
          ({ dropped, conflated, expired }: ClientStats) =>
            dropped.messages + conflated.messages + expired.messages,
        ],
      ] as const) {
        const figures = (await walk(`limit=2&sort=${sort}`)).map(figure)
        expect(figures).to.deep.equal([...figures].sort((a, b) => b - a))
        expect(new Set(figures).size, sort).to.equal(4)
      }
    })

    it('is not shifted by clients that come and go between pages', async () => {
      await start()
      const clients = await populate()
      const first = parse(clientsPage, await ask('/spillway/clients?limit=10'))
      const known = new Set((await walk('limit=200')).map(({ id }) => id))
      for (const client of clients.slice(0, 5)) client.close()
      await Promise.all([fixture.raw(), fixture.raw()])
      await eventually(() => fixture.app.spillway.stats().clients.connected === CLIENTS - 3)
      const rest = parse(clientsPage, await ask(`/spillway/clients?cursor=${first.next}`))
      const seen = [...first.clients, ...rest.clients].map(({ id }) => id)
      expect(new Set(seen).size).to.equal(seen.length)
      const left = [...fixture.app.spillway.clients()].map(({ id }) => id)
      expect(seen).to.include.members(left.filter((id) => known.has(id)))
    })

    for (const sort of ['buffered', 'rtt', 'stalled', 'wait']) {
      it(`by ${sort} has everyone who stays once, under a broadcast and while others come and go`, async () => {
        await start()
        const { io, app } = fixture
        const clients = await populate()
        for (const client of clients.slice(0, 5)) client.stall()
        const pad = 'x'.repeat(2 * KiB)
        const load = setInterval(() => io.emit('reel:frame', { n: 1, pad }), 5)
        try {
          for (let round = 0; round < 4; round++) {
            const before = [...app.spillway.clients()].map(({ id }) => id)
            const page = (cursor = '') => ask(`/spillway/clients?sort=${sort}&limit=3${cursor}`)
            const first = parse(clientsPage, await page())
            const seen = first.clients.map(({ id }) => id)
            for (let { next } = first; next !== null; ) {
              clients.pop()!.close()
              clients.unshift(await fixture.raw())
              const following = parse(clientsPage, await page(`&cursor=${next}`))
              expect(following.total).to.equal(first.total)
              seen.push(...following.clients.map(({ id }) => id))
              next = following.next
            }
            const now = new Set([...app.spillway.clients()].map(({ id }) => id))
            expect(new Set(seen).size, 'twice').to.equal(seen.length)
            expect(before).to.include.members(seen)
            expect(seen, 'missed').to.include.members(before.filter((id) => now.has(id)))
          }
        } finally {
          clearInterval(load)
        }
      })
    }

    const encoded = (text: string) => Buffer.from(text).toString('base64url')
    const BAD: ReadonlyArray<[query: string, reason: RegExp]> = [
      ['limit=0', /limit/],
      ['limit=-1', /limit/],
      ['limit=201', /limit/],
      ['limit=1.5', /limit/],
      ['limit=', /limit/],
      ['limit=many', /limit/],
      ['limit=NaN', /limit/],
      ['limit=Infinity', /limit/],
      [
        'limit=1&limit=2',
        /^query\.limit: was given "1" and "2"; allowed: an integer from 1 to 200$/,
      ],
      ['limit=1&limit=2&limit=3', /^query\.limit: was given "1" and "2" and 1 more; allowed/],
      ['limit=0x10', /^query\.limit: was given "0x10"; allowed: an integer from 1 to 200$/],
      ['limit=1e2', /^query\.limit: was given "1e2";/],
      ['limit=%205', /^query\.limit: was given " 5";/],
      ['limit=+5', /^query\.limit: was given " 5";/],
      ['limit=5%0A', /^query\.limit: was given "5\\n";/],
      ['limit=%D9%A5', /limit/],
      ['limit=5.0', /limit/],
      ['limit=1_0', /limit/],
      ['limit=0b11', /limit/],
      ['page=2', /^query\.page: was given "2"; allowed: the keys sort, namespace, room, /],
      [`${'k'.repeat(500)}=1`, /^query\.k{60}…: was given "1"; allowed: the keys/],
      ['%1b%5b31m%e2%80%ae=1', /^query\.\ufffd\[31m\ufffd: was given "1"; allowed: the keys/],
      ['state=open', /^query\.state: was given "open"; allowed: "ready", "windowed", /],
      ['room=', /^query\.room: was given ""; allowed: a string of 1 to 200 characters$/],
      ['sort=id', /sort/],
      ['sort=', /sort/],
      ['sort=buffered&sort=shed', /sort/],
      ['cursor=', /cursor/],
      ['cursor=abc', /cursor/],
      ['cursor=!!!', /cursor/],
      [`cursor=${'a'.repeat(201)}`, /cursor/],
      ['cursor=a&cursor=b', /cursor/],
      [`cursor=${encoded('shed 0 a-1')}`, /cursor/],
      [`cursor=${encoded('buffered - a-1')}`, /cursor/],
      [`cursor=${encoded('buffered 1e999 a-1')}`, /cursor/],
      [`cursor=${encoded('buffered 1.2.3 a-1')}`, /cursor/],
      [`cursor=${encoded('buffered 0 ')}`, /cursor/],
      [`cursor=${encoded('buffered 0 a\n1')}`, /cursor/],
      [`cursor=${encoded('constructor 0 a-1')}`, /cursor/],
      [`cursor=${encoded('buffered 0 a-1 ')}`, /cursor/],
      [`cursor=${encoded('buffered 0 a-1 b c')}`, /cursor/],
      [`sort=shed&cursor=${encoded('buffered 0 a-1')}`, /cursor/],
    ]
    for (const [query, reason] of BAD) {
      it(`refuses ${query.slice(0, 60)}, and says why`, async () => {
        await start()
        const answer = await ask(`/spillway/clients?${query}`)
        expect(answer.status).to.equal(400)
        const { error, message } = parseFailure(answer)
        expect(error).to.equal('Bad Request')
        expect(message).to.match(reason)
      })
    }

    it('takes a limit in decimal digits', async () => {
      await start()
      await fixture.raw()
      for (const query of ['limit=1', 'limit=200', 'limit=007']) {
        expect(parse(clientsPage, await ask(`/spillway/clients?${query}`)).clients).to.have.length(
          1,
        )
      }
    })

    it("refuses in its own words, whatever the app's error handler makes of errors", async () => {
      await start(undefined, {}, (app) => {
        app.setErrorHandler((_error, _request, reply) => reply.code(500).send({ mine: true }))
      })
      const answer = await ask('/spillway/clients?limit=0')
      expect(answer.status).to.equal(400)
      expect(parseFailure(answer).message).to.match(/limit/)
    })
  })

  describe('a query', () => {
    it('with a key that there is not is refused, where data is asked for', async () => {
      await start({ auth: false, changeAuth: false })
      await fixture.raw()
      const [{ id }] = [...fixture.app.spillway.clients()] as [ClientStats]
      for (const [method, path, allowed] of [
        ['GET', '', 'no key'],
        ['HEAD', '', 'no key'],
        ['GET', `/clients/${id}`, 'no key'],
        ['GET', `/clients/${id}/queue`, 'the keys limit'],
        ['GET', '/closed', 'the keys code, limit, cursor'],
        ['GET', '/policy', 'no key'],
        ['DELETE', `/clients/${id}`, 'no key'],
      ] as const) {
        const answer = await ask(`/spillway${path}?deep=1`, method)
        expect(answer.status, `${method} ${path}`).to.equal(400)
        if (method === 'HEAD') continue
        expect(parseFailure(answer)).to.deep.equal({
          error: 'Bad Request',
          message: `query.deep: was given "1"; allowed: ${allowed}`,
        })
      }
      expect([...fixture.app.spillway.clients()]).to.have.length(1)
    })

    it('is no matter where others may add to it: what scrapes, browsers and readers of events', async () => {
      await start()
      for (const path of ['/metrics', '/ui', '/ui/page.js']) {
        expect((await ask(`/spillway${path}?v=1`)).status, path).to.equal(200)
      }
      const answer = await fetch(`${fixture.url}/spillway/events?token=a`)
      expect(answer.status).to.equal(200)
      await answer.body!.cancel()
    })

    it('of the closed clients is refused with what its cursor may be', async () => {
      await start()
      const { message } = parseFailure(await ask('/spillway/closed?cursor=x'))
      expect(message).to.equal(
        'query.cursor: was given "x"; allowed: the `next` of a page whose last client is remembered, or none for the first page',
      )
      const clients = parseFailure(await ask('/spillway/clients?cursor=x'))
      expect(clients.message).to.equal(
        'query.cursor: was given "x"; allowed: the `next` of a page in the order of the same `sort`, or none for the first page',
      )
      for (const limit of ['0x10', '1e2', '%205', '1&limit=2', '201']) {
        const answer = parseFailure(await ask(`/spillway/closed?limit=${limit}`))
        expect(answer.message).to.match(
          /^query\.limit: was given .*; allowed: an integer from 1 to 200$/,
        )
      }
    })
  })

  describe('auth', () => {
    const refuse: onRequestAsyncHookHandler = async (request, reply) => {
      if (request.headers.authorization === 'Bearer let-me-in') return
      return reply.code(401).send({ wrong: 'who are you?' })
    }
    const PATHS = [
      '/spillway',
      '/spillway/',
      '/spillway/clients',
      '/spillway/clients?limit=0',
      '/spillway/clients?cursor=x',
      '/spillway/clients/nope',
      '/spillway/closed',
      '/spillway/closed?code=x',
      '/spillway/clients/nope/queue',
      '/spillway/policy',
      '/spillway/metrics',
    ]

    it('tells who does not pass nothing, not even whether the question was right', async () => {
      await start({ auth: refuse })
      await fixture.raw()
      const [{ id }] = [...fixture.app.spillway.clients()] as [ClientStats]
      for (const path of [...PATHS, `/spillway/clients/${id}`]) {
        for (const method of ['GET', 'HEAD']) {
          const answer = await ask(path, method)
          expect(answer.status, `${method} ${path}`).to.equal(401)
          expect(answer.text).to.equal(method === 'HEAD' ? '' : '{"wrong":"who are you?"}')
          expect(answer.headers['cache-control']).to.equal('no-store')
        }
      }
      const nowhere = await ask('/spillway/nothing')
      expect(nowhere.status).to.equal(404)
    })

    it('lets pass whom the hook lets pass', async () => {
      await start({ auth: refuse })
      const headers = { authorization: 'Bearer let-me-in' }
      const answer = await fetch(`${fixture.url}/spillway`, { headers })
      expect(answer.status).to.equal(200)
      expect(spillwayStats.parse(await answer.json()).clients.connected).to.equal(0)
    })

    it('asks every hook of an array, in order, until one answers', async () => {
      const asked: string[] = []
      const pass: onRequestHookHandler = (_request, _reply, done) => {
        asked.push('pass')
        done()
      }
      const stop: onRequestAsyncHookHandler = async (request, reply) => {
        asked.push('stop')
        if (request.query && Object.hasOwn(request.query, 'stop')) {
          return reply.code(403).send('no')
        }
      }
      const last: onRequestHookHandler = (_request, _reply, done) => {
        asked.push('last')
        done()
      }
      await start({ auth: [pass, stop, last] as onRequestHookHandler[] })
      expect((await ask('/spillway')).status).to.equal(200)
      expect(asked.splice(0)).to.deep.equal(['pass', 'stop', 'last'])
      expect(await ask('/spillway?stop')).to.include({ status: 403, text: 'no' })
      expect(asked).to.deep.equal(['pass', 'stop'])
    })

    it('may throw, and the app makes of it what it makes of its errors', async () => {
      const denied: onRequestHookHandler = (_request, _reply, done) =>
        done(Object.assign(new Error('not you'), { statusCode: 403 }))
      await start({ auth: denied }, {}, (app) => {
        app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
          reply.code(error.statusCode ?? 500).send({ mine: error.message }),
        )
      })
      expect(await ask('/spillway')).to.include({ status: 403, text: '{"mine":"not you"}' })
    })

    it('may answer in a shape of its own, with the codes of the routes too', async () => {
      for (const code of [400, 404, 302]) {
        const hide: onRequestAsyncHookHandler = async (_request, reply) =>
          reply.code(code).send({ nothing: 'here' })
        await start({ auth: hide })
        for (const path of PATHS) {
          expect(await ask(path), path).to.include({ status: code, text: '{"nothing":"here"}' })
        }
        await fixture.close()
      }
    })

    it('false leaves the routes open', async () => {
      await start({ auth: false })
      const answer = await ask('/spillway')
      expect(answer.status).to.equal(200)
      expect(answer.headers['cache-control']).to.equal('no-store')
    })

    it('guards nothing else', async () => {
      await start({ auth: refuse }, {}, (app) => app.get('/hello', async () => 'hello'))
      expect(await ask('/hello')).to.include({ status: 200, text: 'hello' })
    })
  })

  describe('any question', () => {
    it('is answered with a code below 500 and, if refused, with a reason', async () => {
      await start()
      await Promise.all([fixture.raw(), fixture.raw(), fixture.raw()])
      const [{ id }] = [...fixture.app.spillway.clients()] as [ClientStats]
      const cursor = parse(clientsPage, await ask('/spillway/clients?limit=1')).next!
      const raw = fc.stringMatching(/^[!$-~]{0,40}$/) // what may stand in a request line
      const text = fc.string({ unit: 'binary', maxLength: 60 }).map((value) => {
        return encodeURIComponent(value.replace(/\p{Cs}/gu, ''))
      })
      const part = fc.oneof(raw, text, fc.constantFrom('%', '%00', '%zz', '..', '', cursor, id))
      const name = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.constantFrom('limit', 'sort', 'cursor', 'limit[]', '__proto__'),
        },
        { weight: 1, arbitrary: part },
      )
      const value = fc.oneof(
        part,
        fc.integer().map(String),
        fc.double().map(String),
        fc.constantFrom('buffered', 'shed', '1', '200'),
        fc.string({ maxLength: 40 }).map((each) => Buffer.from(each).toString('base64url')),
        fc
          .tuple(fc.constantFrom('buffered', 'shed'), fc.maxSafeNat(), fc.string())
          .map((each) => Buffer.from(each.join(' ')).toString('base64url')),
      )
      const query = fc
        .array(fc.tuple(name, value), { maxLength: 4 })
        .map((pairs) => pairs.map((pair) => pair.join('=')).join('&'))
      const path = fc.oneof(
        fc.constant('/spillway/clients'),
        fc.constantFrom('/spillway', '/spillway/closed', `/spillway/clients/${id}`),
        part.map((each) => `/spillway/clients/${each}`),
      )
      await fc.assert(
        fc.asyncProperty(path, query, async (at, search) => {
          const { status, text: body } = await ask(`${at}?${search}`)
          expect(status).to.be.oneOf([200, 400, 404])
          const answer = JSON.parse(body)
          if (status !== 200) expect(answer.message).to.match(/\S/)
        }),
        { numRuns: 400 },
      )
    })

    it('is refused with a reason if it is too long', async () => {
      await start()
      const answer = await ask(`/spillway/clients/${'a'.repeat(5000)}`)
      expect(answer.status).to.be.oneOf([400, 404, 414])
      expect(JSON.parse(answer.text).message).to.match(/\S/)
    })

    it('may only be asked', async () => {
      await start()
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        for (const path of ['/spillway', '/spillway/clients', '/spillway/closed']) {
          expect((await ask(path, method)).status, `${method} ${path}`).to.equal(404)
        }
      }
    })
  })

  describe('no answer', () => {
    /** Every route's answer, and those to questions that name what must not come back. */
    async function everything(...secrets: string[]): Promise<string> {
      const { clients } = parse(clientsPage, await ask('/spillway/clients?limit=200'))
      const paths = [
        '/spillway',
        '/spillway/clients',
        '/spillway/clients?sort=shed',
        '/spillway/clients?limit=1',
        '/spillway/clients?limit=x&cursor=x',
        '/spillway/clients/nope',
        '/spillway/closed',
        '/spillway/policy',
        '/spillway/metrics',
        ...clients.map(({ id }) => `/spillway/clients/${id}`),
        ...secrets,
      ]
      const answers = await Promise.all(paths.map((path) => ask(path)))
      return answers.map(({ headers, text }) => JSON.stringify(headers) + text).join('\n')
    }

    const LEVELS = {
      'sent, dropped or lost': { low: 4 * KiB, high: 8 * KiB, limit: 128 * MiB, horizon: 0 },
      'queued or conflated': BOUNDLESS,
    }
    for (const [what, watermarks] of Object.entries(LEVELS)) {
      it(`has a payload in it, of whatever message, ${what}`, () => expectNoPayload(watermarks))
    }

    async function expectNoPayload(watermarks: SpillwayOptions['watermarks']): Promise<void> {
      const keyed = cosmetic(z.object({ id: z.string() }), { conflateBy: 'id' })
      const fails = cosmetic(z.object({ id: z.string() }), {
        conflateBy: ({ id }) => {
          throw new Error(id)
        },
      })
      const strict = critical(z.strictObject({ n: z.number() }))
      await start(undefined, {
        messages: { ...messages, keyed, fails, strict },
        ...(watermarks && { watermarks }),
      })
      const { io } = fixture
      const flood = () => {
        io.emit('strict', { [MARKER]: MARKER })
        io.emit('unannotated', MARKER, { [MARKER]: [MARKER] })
        io.emit(MARKER, 1)
        io.emit('binary', Buffer.from(MARKER))
        io.to(MARKER).emit('jackpot:won', { n: 1, pad: MARKER })
        io.emit('fails', { id: MARKER })
        for (let n = 0; n < 40; n++) {
          io.emit('keyed', { id: `${MARKER}${n % 3}` })
          io.emit('reel:frame', { n, pad: MARKER.repeat(500) })
          io.emit('jackpot:won', { n, pad: MARKER.repeat(10) })
        }
      }
      flood()
      const [slow, lost] = [await fixture.raw(), await fixture.raw()]
      for (const socket of io.sockets.sockets.values()) {
        socket.join(MARKER)
        socket.data.secret = MARKER
      }
      for (const client of [slow, lost]) client.stall()
      await choke(fixture, slow)
      // either of them was choked first; from both something has to be kept back
      await eventually(() => {
        io.emit('filler', FILLER)
        return [...fixture.app.spillway.clients()].every(({ state }) => state === 'blocked')
      })
      flood()
      lost.close()
      await eventually(() => fixture.app.spillway.closed().length === 1)
      const stats = parse(spillwayStats, await ask('/spillway'))
      const { dropped, conflated } = stats.classes.cosmetic
      expect(stats.closed.gone).to.equal(1)
      const [{ lanes }] = [...fixture.app.spillway.clients()] as [ClientStats]
      expect(lanes.critical.messages).to.be.greaterThan(0)
      if (stats.watermarks.high < MiB) {
        expect(dropped.messages).to.be.greaterThan(0)
      } else {
        expect(conflated.messages).to.be.greaterThan(0)
        expect(lanes.cosmetic.messages).to.be.greaterThan(0)
      }
      expect(await everything()).to.not.include(MARKER)
    }

    it("has the secret id of an Engine.IO session in it, which is a client's only password", async () => {
      await start(undefined, { watermarks: BOUNDLESS })
      const { io, app } = fixture
      await fixture.client()
      await fixture.client({ transports: ['polling'] })
      await fixture.client({ transports: ['polling', 'websocket'] })
      const slow = await fixture.raw()
      const lost = await fixture.raw()
      await choke(fixture, slow)
      lost.stall()
      for (let n = 0; n < 30; n++) io.emit('filler', FILLER)
      const secrets = [...io.sockets.sockets.values()].map(({ conn }) => Reflect.get(conn, 'id'))
      expect(new Set(secrets).size).to.equal(5)
      lost.close()
      await eventually(() => app.spillway.stats().clients.connected === 4)
      const answers = await everything(...secrets.map((id) => `/spillway/clients/${id}`))
      for (const secret of secrets) {
        expect(answers).to.not.include(secret)
        expect((await ask(`/spillway/clients/${secret}`)).status).to.equal(404)
      }
    })

    // such a socket's own id is the secret one, and clientStats has it in `sockets`
    it('has it in the id of a socket of protocol 3, which is made of it', async () => {
      await start(undefined, { server: { allowEIO3: true } })
      fixture.io.of('/lobby')
      const client = new RawClient(
        `ws://127.0.0.1:${fixture.port}/socket.io/?EIO=3&transport=websocket`,
      )
      await client.until(() => client.frames.includes('40'))
      client.send('40/lobby,')
      await client.until(() => client.frames.includes('40/lobby,'))
      const { sid } = JSON.parse(String(client.frames[0]).slice(1)) as { sid: string }
      expect(fixture.io.sockets.sockets.has(sid)).to.equal(true)
      const { clients } = parse(clientsPage, await ask('/spillway/clients'))
      expect(clients).to.have.length(1)
      expect(await everything()).to.not.include(sid)
      client.close()
    })
  })
})
