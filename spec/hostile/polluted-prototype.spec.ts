import { expect } from 'chai'
import { Registry } from 'prom-client'
import { Server } from 'socket.io'
import { z } from 'zod'
import { attach } from '../../lib/attach.ts'
import { attachOptions } from '../../schemas/options.ts'
import { pluginOptions } from '../../schemas/plugin-options.ts'
import { policyChange } from '../../schemas/policy.ts'
import { cosmetic, cosmeticOptions, critical } from '../../schemas/priority.ts'
import { clientsQuery } from '../../schemas/stats.ts'
import { refusalOf, refusalOfPromise } from '../support/refusals.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import { often } from '../support/thorough.ts'

/** Somebody has put an enumerable property on what all objects inherit from. */
async function polluted<T>(name: string, value: unknown, run: () => T): Promise<Awaited<T>> {
  Object.defineProperty(Object.prototype, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  })
  try {
    return await run()
  } finally {
    Reflect.deleteProperty(Object.prototype, name)
  }
}

const VALUES: Record<string, unknown> = {
  'a string': 'x',
  'a number': 1,
  'a function': () => 7,
  'an object': { a: 1 },
  true: true,
}

const ofOptions = [
  ...Object.keys(attachOptions.shape),
  ...Object.keys(attachOptions.shape.watermarks.def.innerType.shape),
  ...Object.keys(attachOptions.shape.shutdown.def.innerType.shape),
  ...Object.keys(cosmeticOptions.shape),
  ...Object.keys(policyChange.shape),
  ...Object.keys(clientsQuery.shape),
  ...['loopDelay', 'retryAfter', 'polluted', 'event', 'key', 'sid', 'bare', 'isReplay', 'class'],
]
const ofPlugin = [...Object.keys(pluginOptions.shape), 'registry', 'auth', 'changeAuth', 'prefix']
/** Fastify refuses a decoration of such a name. */
const DECORATED = ['io', 'server', 'spillway']
/** Without the plugin neither Node's fetch nor Socket.IO takes it. */
const TAKEN = ['mode', 'cursor']
/** Of the names, so many at a time: each is an app of its own. */
const EVERY_NAME = often({ usually: 7, thoroughly: 1 })

function makeMessages() {
  return {
    won: critical(z.object({ n: z.number() })),
    frame: cosmetic(z.object({ n: z.number() }), { conflateBy: 'n', maxAge: 3000 }),
    state: z.discriminatedUnion('kind', [
      critical(z.object({ kind: z.literal('seat') })),
      cosmetic(z.object({ kind: z.enum(['chat', 'wave']) })),
    ]),
  }
}

/** Everything that takes options, and what it does with them. */
async function takeAll(): Promise<unknown[]> {
  const spillway = attach(new Server(), { messages: makeMessages() })
  try {
    const refused = [
      refusalOf(() => attach(new Server(), { unknown: 1 } as never)),
      refusalOf(() => attach(new Server(), { watermarks: { unknown: 1 } } as never)),
      refusalOf(() => spillway.setPolicy({ unknown: 1 } as never)),
      refusalOf(() => cosmetic(z.object({}), { unknown: 1 } as never)),
      refusalOf(() => critical(z.object({}), { unknown: 1 } as never)),
      await refusalOfPromise(spillway.list({ unknown: 1 } as never)),
      refusalOf(() => spillway.shutdown({ unknown: 1 } as never)),
    ]
    return [
      refused.map(({ code, message }) => [code, message]),
      spillway.policy,
      spillway.setPolicy({ maxAge: 4000 }),
      spillway.setPolicy({ watermarks: { low: 2048 } }),
      spillway.setPolicy({}),
      await spillway.list(),
      await spillway.list({ limit: 2 }),
      spillway.queue('nobody'),
      spillway.exempt('nobody'),
      [...spillway.readings.rules()].map(({ id, tally, ...rule }) => rule),
      await spillway.shutdown(),
    ].map((each) => structuredClone(each))
  } finally {
    spillway.close()
  }
}

describe('A polluted Object.prototype', () => {
  for (const [what, value] of Object.entries(VALUES)) {
    it(`gives nobody options: ${what} under any name`, async () => {
      const clean = await takeAll()
      for (const name of new Set([...ofOptions, ...ofPlugin])) {
        expect(await polluted(name, value, takeAll), name).to.deep.equal(clean)
      }
    })
  }

  it('is no reason to take an own key that is unknown', async () => {
    for (const key of ['polluted', 'constructor', 'toString', '__proto__']) {
      const options = JSON.parse(`{ ${JSON.stringify(key)}: 1 }`) as object
      const { message } = await polluted('polluted', 1, () =>
        refusalOf(() => attach(new Server(), options)),
      )
      expect(message).to.match(new RegExp(`^${key}: was given .*; allowed: the keys messages, `))
    }
  })

  it('gives options no prototype of their own either: an object that inherits is refused', () => {
    const inheriting = Object.create({ mode: 'observe', unknown: 1 }) as { maxAge: number }
    inheriting.maxAge = 5000
    const { message } = refusalOf(() => attach(new Server(), inheriting))
    expect(message).to.match(/^options: was given an object that inherits from another one; /)
  })

  describe('in an app', () => {
    let app: AppFixture | undefined
    afterEach(async () => {
      await app?.close()
      app = undefined
    })

    const SAID = ['', '/clients?limit=1', '/clients?unknown=1', '/policy', '/closed', '/metrics']

    async function say(): Promise<unknown[]> {
      app = await startApp({ messages: makeMessages(), admin: { auth: false, changeAuth: false } })
      const { url } = app
      const ask = async (path: string, init: object = {}) => {
        const bare = Object.assign(Object.create(null), init)
        const response = await fetch(`${url}/spillway${path}`, bare)
        const said = await response.text()
        // figures that differ from one moment to the next
        return [path, response.status, said.replace(/\d+(\.\d+)?(e[+-]\d+)?|(?<="age":)null/g, '0')]
      }
      const change = (body: object) =>
        ask('/policy', {
          method: 'PATCH',
          headers: Object.assign(Object.create(null), { 'content-type': 'application/json' }),
          body: JSON.stringify(body),
        })
      const answers = []
      for (const path of SAID) answers.push(await ask(path))
      answers.push(await change({ maxAge: 3000 }), await change({ unknown: 1 }))
      await app.close()
      app = undefined
      return answers
    }

    it('leaves the plugin, its routes and its metrics as they are', async () => {
      const clean = await say()
      const names = [...new Set([...ofOptions, ...ofPlugin])].filter(
        (name) => !DECORATED.includes(name) && !TAKEN.includes(name),
      )
      for (const [index, name] of names.entries()) {
        if (index % EVERY_NAME !== 0) continue
        const value = index % (2 * EVERY_NAME) === 0 ? 'x' : () => 7
        expect(await polluted(name, value, say), name).to.deep.equal(clean)
      }
    })

    it("leaves the application's registry as it is", async () => {
      const registry = new Registry()
      const spillway = attach(new Server(), { messages: makeMessages() })
      const { registerMetrics } = await import('../../lib/metrics/register.ts')
      registerMetrics(spillway, registry)
      const clean = await registry.metrics()
      expect(await polluted('polluted', 'x', () => registry.metrics())).to.equal(clean)
      spillway.close()
    })
  })
})
