import { connect } from 'node:net'
import bearerAuth from '@fastify/bearer-auth'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import { expect } from 'chai'
import fc from 'fast-check'
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify'
import { z } from 'zod'
import { KiB } from '../../lib/base/units.ts'
import type { SpillwayPluginOptions } from '../../lib/plugin-options.ts'
import { type ClientStats, clientQueue, failure, policyState } from '../../schemas/stats.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { messages } from '../support/messages.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import { eventually } from '../support/servers/server.ts'

type Admin = NonNullable<SpillwayPluginOptions['admin']>

const tokenHook =
  (token: string): onRequestAsyncHookHandler =>
  async (request, reply) => {
    if (request.headers.authorization !== `Bearer ${token}`) {
      return reply.code(401).send({ wrong: 'who are you?' })
    }
  }

describe('Admin, to change something', () => {
  let fixture: AppFixture
  const start = async (
    admin: Admin = { auth: false, changeAuth: false },
    options: SpillwayPluginOptions = {},
    prepare?: (app: FastifyInstance) => unknown,
  ) => {
    fixture = await startApp({ messages, admin, ...options }, prepare)
    return fixture
  }
  const send = (method: 'GET' | 'PATCH' | 'DELETE', path: string, body?: unknown, token?: string) =>
    fetch(`${fixture.url}/spillway${path}`, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  afterEach(() => fixture.close())

  describe('DELETE {prefix}/clients/:id', () => {
    it('closes the client at once, with the code `terminated`, and lets it come back', async () => {
      await start()
      const client = await fixture.client({ reconnection: true, reconnectionDelay: 10 })
      const gone: string[] = []
      client.on('disconnect', (reason) => gone.push(reason))
      const before = client.id
      const { id } = fixture.app.spillway.client(before!)!
      expect((await send('DELETE', `/clients/${id}`)).status).to.equal(204)
      await eventually(() => client.connected && client.id !== before)
      expect(gone).to.deep.equal(['transport close'])
      const [closed] = fixture.app.spillway.closed()
      expect(closed).to.include({ id, code: 'terminated', reason: 'ended by the administrator' })
      expect(fixture.app.spillway.stats().closed.terminated).to.equal(1)
      expect((await send('DELETE', `/clients/${id}`)).status).to.equal(404)
    })

    it('takes the id of a socket as well, and closes one that has stopped reading', async () => {
      await start(undefined, { watermarks: BOUNDLESS })
      const client = await fixture.raw()
      await choke(fixture, client)
      const [sid] = [...fixture.io.sockets.sockets.keys()]
      expect((await send('DELETE', `/clients/${sid}`)).status).to.equal(204)
      await eventually(() => fixture.app.spillway.stats().clients.connected === 0)
      const [closed] = fixture.app.spillway.closed()
      expect(closed!.undelivered.messages).to.be.greaterThan(0)
    })
  })

  describe('PATCH {prefix}/policy', () => {
    it('tells the reason for which Fastify or a hook of the app refuses a request', async () => {
      const changeAuth: onRequestAsyncHookHandler = async ({ headers }) => {
        if (headers.authorization === 'none') {
          throw Object.assign(new Error('not you'), { statusCode: 403 })
        }
      }
      await start({ auth: false, changeAuth })
      const patch = async (body: string, authorization = 'some') => {
        const answer = await fixture.app.inject({
          method: 'PATCH',
          url: '/spillway/policy',
          headers: { 'content-type': 'application/json', authorization },
          body,
        })
        return [answer.statusCode, answer.json().message]
      }
      expect(await patch('{}', 'none')).to.deep.equal([403, 'not you'])
      for (const body of ['{"mode":', '', '{"__proto__":{"a":1}}']) {
        const [status, message] = await patch(body)
        expect(status).to.equal(400)
        expect(message).to.be.a('string').and.match(/\w/)
      }
    })

    it('answers with the policy, and a bad change with a reason', async () => {
      await start()
      const read = async (answer: Response) => policyState.parse(await answer.json())
      const before = await read(await send('GET', '/policy'))
      expect(before).to.deep.equal({ ...fixture.app.spillway.policy, changeable: true })
      const changed = await read(await send('PATCH', '/policy', { maxAge: 700 }))
      expect(changed).to.deep.equal({ ...before, maxAge: 700 })
      for (const [change, reason] of [
        [{ watermarks: { low: 999 * KiB } }, /watermarks\.low: was given 1022976 with high 131072/],
        [{ watermarks: { low: 1 } }, /low/],
        [{ mode: 'off' }, /mode/],
        [{ mode: null }, /mode/],
        [{ stallAfter: 5000 }, /stallAfter/],
        [[], /object/],
      ] as const) {
        const answer = await send('PATCH', '/policy', change)
        expect(answer.status, JSON.stringify(change)).to.equal(400)
        expect(failure.parse(await answer.json()).message).to.match(reason)
      }
      expect(await read(await send('GET', '/policy'))).to.deep.equal(changed)
    })

    it('logs who did it', async () => {
      const lines: string[] = []
      const stream = { write: (line: string) => lines.push(line) }
      fixture = await startApp({ messages, admin: { auth: false, changeAuth: false } }, undefined, {
        logger: { level: 'warn', stream },
      })
      await send('PATCH', '/policy', { mode: 'observe' })
      const line = lines.map((each) => JSON.parse(each)).find(({ by }) => by)
      expect(line).to.include({ level: 40, msg: 'spillway: policy changed' })
      expect(line.by).to.include({ address: '127.0.0.1' })
      expect([line.from.mode, line.to.mode]).to.deep.equal(['enforce', 'observe'])
    })
  })

  describe('auth', () => {
    const CHANGES = [
      ['PATCH', '/policy', { maxAge: 700 }],
      ['PATCH', '/policy', { maxAge: 'x' }],
      ['DELETE', '/clients/nope', undefined],
    ] as const
    const READS = [
      '',
      '/clients',
      '/clients/x',
      '/clients/x/queue',
      '/closed',
      '/policy',
      '/events',
      '/metrics',
    ]

    it('is off unless it is configured, and whoever may read is told so', async () => {
      await start({ auth: tokenHook('reader') })
      for (const [method, path, body] of CHANGES) {
        const stranger = await send(method, path, body)
        expect([stranger.status, await stranger.text()]).to.deep.equal([
          401,
          '{"wrong":"who are you?"}',
        ])
        const reader = await send(method, path, body, 'reader')
        expect(reader.status).to.equal(403)
        expect(failure.parse(await reader.json()).message).to.match(/admin\.changeAuth/)
      }
      const answer = await send('GET', '/policy', undefined, 'reader')
      expect(await answer.json()).to.include({ changeable: false, maxAge: 2000 })
    })

    it('is apart from that of reading, and neither passes for the other', async () => {
      await start({ auth: tokenHook('reader'), changeAuth: tokenHook('changer') })
      for (const [method, path, body] of CHANGES) {
        expect((await send(method, path, body)).status).to.equal(401)
        expect((await send(method, path, body, 'reader')).status).to.equal(401)
        expect((await send(method, path, body, 'changer')).status).to.not.equal(401)
      }
      for (const path of READS) {
        for (const token of [undefined, 'changer', 'reader2', 'READER']) {
          const answer = await send('GET', path, undefined, token)
          expect([answer.status, await answer.text()], path).to.deep.equal([
            401,
            '{"wrong":"who are you?"}',
          ])
          expect(answer.headers.get('cache-control')).to.equal('no-store')
        }
      }
    })

    it('works with @fastify/bearer-auth', async () => {
      await start(undefined, {}, async (app) => {
        await app.register(bearerAuth, { keys: new Set(['secret']), addHook: false })
      })
      await fixture.close()
      fixture = await startApp(
        {
          admin: {
            auth: (request, reply, done) => fixture.app.verifyBearerAuth!(request, reply, done),
          },
        },
        (app) => app.register(bearerAuth, { keys: new Set(['secret']), addHook: false }),
      )
      expect((await send('GET', '')).status).to.equal(401)
      expect((await send('GET', '', undefined, 'secret')).status).to.equal(200)
    })
  })

  describe('with other plugins of the app', () => {
    it('is limited by @fastify/rate-limit, before the auth hooks, and apart from the rest', async () => {
      const limited = { auth: tokenHook('reader'), rateLimit: 5 }
      await start(limited, {}, async (app) => {
        await app.register(rateLimit, { global: false, max: 1000 })
        app.get('/hello', async () => 'hello')
      })
      const codes: number[] = []
      for (let n = 0; n < 7; n++)
        codes.push((await send('GET', '/clients', undefined, `guess ${n}`)).status)
      expect(codes).to.deep.equal([401, 401, 401, 401, 401, 429, 429])
      const refused = await send('GET', '/clients')
      expect(failure.parse(await refused.json()).message).to.match(/Rate limit/)
      expect(Number(refused.headers.get('retry-after'))).to.be.within(1, 60)
      expect((await fetch(`${fixture.url}/hello`)).status).to.equal(200)
    })

    it('is described in OpenAPI by @fastify/swagger, whatever that does with other routes', async () => {
      await start(undefined, {}, (app) =>
        app.register(swagger, { openapi: { info: { title: 'app', version: '1' } } }),
      )
      const { paths } = fixture.app.swagger() as unknown as {
        paths: Record<string, Record<string, { description: string; responses: object }>>
      }
      const described = Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method} ${path}`),
      )
      expect(described).to.include.members([
        'get /spillway/',
        'get /spillway/clients',
        'get /spillway/clients/{id}',
        'delete /spillway/clients/{id}',
        'get /spillway/clients/{id}/queue',
        'get /spillway/closed',
        'get /spillway/policy',
        'patch /spillway/policy',
        'get /spillway/events',
        'get /spillway/metrics',
      ])
      const totals = paths['/spillway/']!.get!
      expect(totals.description).to.match(/Totals/)
      expect(JSON.stringify(totals.responses)).to.include('criticalLatency')
    })
  })

  describe('in OpenAPI', () => {
    type Paths = Record<string, Record<string, { responses: Record<string, object> }>>
    const ROUTES: ReadonlyArray<[route: string, statuses: readonly number[]]> = [
      ['get /spillway/', [200, 400]],
      ['get /spillway/clients', [200, 400, 503]],
      ['get /spillway/clients/{id}', [200, 400, 404]],
      ['get /spillway/clients/{id}/queue', [200, 400, 404]],
      ['get /spillway/closed', [200, 400]],
      ['get /spillway/policy', [200, 400]],
      ['get /spillway/events', [200, 503]],
      ['get /spillway/metrics', [200]],
      ['patch /spillway/policy', [200, 400, 413, 415, 503]],
      ['delete /spillway/clients/{id}', [204, 400, 404, 413, 415, 503]],
    ]
    const describedOf = async (admin: Admin, limited: boolean) => {
      await start(admin, {}, async (app) => {
        if (limited) await app.register(rateLimit, { global: false })
        await app.register(swagger, { openapi: { info: { title: 'app', version: '1' } } })
      })
      const { paths } = fixture.app.swagger() as unknown as { paths: Paths }
      return Object.fromEntries(
        ROUTES.map(([route]) => {
          const [method, path] = route.split(' ') as [string, string]
          return [route, Object.keys(paths[path]![method]!.responses).map(Number)]
        }),
      )
    }
    const due = (statusesOf: (route: string) => readonly number[]) =>
      Object.fromEntries(
        ROUTES.map(([route, statuses]) => [
          route,
          [...statuses, ...statusesOf(route)].sort((a, b) => a - b),
        ]),
      )

    it('a route has the statuses with which it answers', async () => {
      expect(await describedOf({ auth: false, changeAuth: false }, false)).to.deep.equal(
        due(() => []),
      )
    })

    it('it has those of auth hooks and of @fastify/rate-limit too, where there are any', async () => {
      const hook = tokenHook('reader')
      expect(await describedOf({ auth: hook, changeAuth: hook }, true)).to.deep.equal(
        due(() => [401, 403, 429]),
      )
    })

    it('what changes something is forbidden where changing is off', async () => {
      const isChange = (route: string) => !route.startsWith('get')
      expect(await describedOf({ auth: false }, false)).to.deep.equal(
        due((route) => (isChange(route) ? [403] : [])),
      )
    })

    it('and the statuses are true', async () => {
      await start()
      const answer = async (
        method: 'PATCH' | 'DELETE' | 'GET',
        url: string,
        type?: string,
        body?: string,
      ) => {
        const headers = type === undefined ? {} : { 'content-type': type }
        const options = { method, url: `/spillway${url}`, headers, ...(body && { body }) }
        const { statusCode, json } = await fixture.app.inject(options)
        expect(failure.parse(json()).message, url).to.match(/\S/)
        return statusCode
      }
      for (const [method, url] of [
        ['PATCH', '/policy'],
        ['DELETE', '/clients/a'],
      ] as const) {
        expect(await answer(method, url, 'text/html', '<b>'), url).to.equal(415)
        expect(await answer(method, url, 'application/json', '{'), url).to.equal(400)
        const long = `"${'x'.repeat(2_000_000)}"`
        expect(await answer(method, url, 'application/json', long), url).to.equal(413)
      }
      expect(await answer('GET', '/clients/%zz')).to.equal(400)
      expect(await answer('DELETE', '/clients/%zz')).to.equal(400)
      expect(await answer('GET', '/clients/%zz/queue')).to.equal(400)
    })
  })

  describe('GET {prefix}/clients/:id/queue', () => {
    it('tells name, class, size and age of what waits, in the order in which it would go', async () => {
      await start(undefined, { watermarks: BOUNDLESS })
      const client = await fixture.raw()
      await choke(fixture, client)
      const [id] = [...fixture.io.sockets.sockets.keys()]
      const queue = async (query = '?limit=1000') =>
        clientQueue.parse(await (await send('GET', `/clients/${id}/queue${query}`)).json())
      const before = (await queue()).lanes.critical.messages
      fixture.io.emit('reel:frame', { n: 1 })
      fixture.io.emit('<b>own</b>', 'secret')
      fixture.io.emit('jackpot:won', { n: 2, pad: 'x'.repeat(1000) })
      const { lanes, messages: all } = await queue()
      const waiting = all.slice(before)
      expect(waiting.map((each) => [each.event, each.class, each.namespace])).to.deep.equal([
        ['<b>own</b>', 'critical', '/'],
        ['jackpot:won', 'critical', '/'],
        ['reel:frame', 'cosmetic', '/'],
      ])
      expect(waiting[1]!.bytes).to.be.greaterThan(1000)
      expect(waiting[1]!.expiresIn).to.equal(null)
      expect(waiting[2]!.expiresIn).to.be.within(1, 60_000)
      expect(all.reduce((sum, { bytes }) => sum + bytes, 0)).to.equal(
        lanes.critical.bytes + lanes.cosmetic.bytes,
      )
      expect(await (await send('GET', `/clients/${id}/queue?limit=1`)).json()).to.deep.include({
        lanes,
      })
      expect((await queue('?limit=1')).messages).to.have.length(1)
      expect((await send('GET', `/clients/${id}/queue?limit=0`)).status).to.equal(400)
      expect((await send('GET', '/clients/nope/queue')).status).to.equal(404)
      const hex = await send('GET', `/clients/${id}/queue?limit=0x10`)
      expect(failure.parse(await hex.json()).message).to.equal(
        'query.limit: was given "0x10"; allowed: an integer from 1 to 1000',
      )
    })
  })

  describe('any request', () => {
    it('is answered with a code below 500, a reason, and nothing of it as HTML', async () => {
      await start()
      const { app } = fixture
      await Promise.all([fixture.raw(), fixture.raw()])
      const [{ id }] = [...app.spillway.clients()] as ClientStats[] as [ClientStats]
      const word = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replace(/\p{Cs}/gu, '')),
        fc.constantFrom(
          '<script>alert(1)</script>',
          '__proto__',
          'constructor',
          '\u0000',
          '../..',
          id,
        ),
      )
      const policy = fc.oneof(
        fc.json(),
        fc.string(),
        fc
          .record(
            {
              mode: fc.oneof(fc.constantFrom('enforce', 'observe'), fc.anything()),
              maxAge: fc.oneof(fc.integer(), fc.double(), fc.anything()),
              watermarks: fc.oneof(
                fc.record(
                  { low: fc.integer(), high: fc.nat(), limit: fc.nat() },
                  { requiredKeys: [] },
                ),
                fc.anything(),
              ),
              [`${'<img src=x>'}`]: fc.anything(),
            },
            { requiredKeys: [] },
          )
          .map((value) => {
            try {
              return JSON.stringify(value)
            } catch {
              return '{'
            }
          }),
      )
      const type = fc.constantFrom(
        'application/json',
        'application/json; charset=utf-16',
        'text/plain',
        'text/html',
        'multipart/form-data',
        'application/x-www-form-urlencoded',
        '',
      )
      const header = fc.tuple(
        fc.constantFrom(
          'accept',
          'user-agent',
          'x-forwarded-for',
          'cookie',
          'origin',
          'last-event-id',
          'range',
        ),
        fc.stringMatching(/^[ -~]{0,60}$/),
      )
      const request = fc.oneof(
        fc.record({
          method: fc.constant('PATCH'),
          path: fc.constant('/policy'),
          body: policy,
          type,
          header,
        }),
        fc.record({
          method: fc.constantFrom('PATCH', 'DELETE', 'GET', 'POST', 'PUT', 'OPTIONS'),
          path: fc.oneof(
            word.map((each) => `/clients/${encodeURIComponent(each)}`),
            word.map(
              (each) =>
                `/clients/${encodeURIComponent(each)}/queue?limit=${encodeURIComponent(each)}`,
            ),
            word.map(
              (each) =>
                `/closed?code=${encodeURIComponent(each)}&cursor=${encodeURIComponent(each)}`,
            ),
            word.map(
              (each) =>
                `/clients?room=${encodeURIComponent(each)}&namespace=${encodeURIComponent(each)}`,
            ),
            word.map(
              (each) =>
                `/clients?congested=${encodeURIComponent(each)}&state=${encodeURIComponent(each)}`,
            ),
            fc.constantFrom(
              '/events?x',
              '/metrics?x=%',
              '/ui/../policy',
              '/ui/%2e%2e/%2e%2e/package.json',
            ),
          ),
          body: fc.constant(undefined),
          type,
          header,
        }),
      )
      await fc.assert(
        fc.asyncProperty(request, async ({ method, path, body, type, header }) => {
          // that one answers without end
          if (method === 'GET' && path.startsWith('/events')) return
          const answer = await app.inject({
            method: method as 'GET',
            url: `/spillway${path}`,
            headers: {
              [header[0]]: header[1],
              ...(type && body !== undefined && { 'content-type': type }),
            },
            ...(body !== undefined && { payload: body }),
          })
          const { statusCode, headers } = answer
          expect(statusCode, answer.body).to.be.within(200, 499)
          if (statusCode === 204) return
          const kind = String(headers['content-type'])
          if (path.startsWith('/ui')) return
          expect(kind).to.match(/^(application\/json|text\/plain)/)
          if (statusCode >= 400) expect(answer.json().message).to.match(/\S/)
        }),
        { numRuns: 1500, seed: 11 },
      )
      expect(
        z.object({ mode: z.enum(['enforce', 'observe']) }).safeParse(app.spillway.policy).success,
      ).to.equal(true)
      const { low, high, limit, emergency } = app.spillway.policy.watermarks
      expect([low, high, limit, emergency]).to.deep.equal(
        [low, high, limit, emergency].sort((a, b) => a - b),
      )
    })

    it('over real HTTP is answered too, and leaves the server alive', async () => {
      await start()
      const strange = [
        'PATCH /spillway/policy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{]',
        'PATCH /spillway/policy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
        'DELETE /spillway/clients/%00 HTTP/1.1\r\nhost: a\r\n\r\n',
        'GET /spillway/clients/%E0%A4%A HTTP/1.1\r\nhost: a\r\n\r\n',
        'GET //spillway//clients HTTP/1.1\r\nhost: a\r\n\r\n',
        `GET /spillway/clients?cursor=${'a'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
        `PATCH /spillway/policy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\n\r\n${'x'.repeat(100)}`,
      ]
      for (const request of strange) {
        const status = await statusOf(fixture.port, request)
        expect(status, request.slice(0, 60)).to.be.within(400, 499)
      }
      expect((await send('GET', '/policy')).status).to.equal(200)
    })
  })
})

/** The status code that bytes on the wire are answered with. */
async function statusOf(port: number, request: string): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.end(request)
    let answer = ''
    for await (const chunk of socket) {
      answer += chunk
      if (answer.includes('\r\n')) break
    }
    return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
  } finally {
    socket.destroy()
  }
}
