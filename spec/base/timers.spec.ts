import { mock } from 'node:test'
import { expect } from 'chai'
import sinon from 'sinon'
import { attach } from '../../lib/attach.ts'
import type { Spillway } from '../../lib/spillway.ts'
import { starve } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { type Fixture, type RawClient, startServer } from '../support/servers/server.ts'

// as they are before anything is faked
const { setTimeout: later, setImmediate: soon } = globalThis
const now = performance.now.bind(performance)
const turn = () => new Promise<void>((resolve) => soon(resolve))
const LONGEST = 5000
const CLIENTS = 10

/** Without the support's helpers, which use the timers of the process. */
async function until(test: () => boolean): Promise<void> {
  for (const end = now() + LONGEST; !test(); ) {
    if (now() > end) throw new Error(`not in time: ${test}`)
    await new Promise<void>((resolve) => later(resolve, 1))
  }
}

type Faked = Parameters<typeof sinon.useFakeTimers>[0]

const bySinon = (...toFake: string[]) => {
  const config = toFake.length > 0 ? { toFake } : {}
  const fakes = sinon.useFakeTimers(config as Faked)
  return () => fakes.restore()
}

const byNode = (...apis: Array<'setTimeout' | 'setInterval' | 'setImmediate' | 'Date'>) => {
  mock.timers.enable(apis.length > 0 ? { apis } : undefined)
  return () => mock.timers.reset()
}

const ALONE = [
  ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate'],
  ...['clearImmediate', 'Date', 'performance', 'hrtime', 'queueMicrotask'],
]
/** Without those that hold Node's streams, so that without the plugin nothing arrives either. */
const MOST = ALONE.filter((name) => name !== 'queueMicrotask')

/** Puts fakes in the place of the process's timers; returns what takes them away. */
const FAKES: Record<string, () => () => void> = {
  "node:test's default": () => byNode(),
  ...Object.fromEntries(
    (['setTimeout', 'setInterval', 'setImmediate', 'Date'] as const).map((name) => [
      `node:test's ${name}`,
      () => byNode(name),
    ]),
  ),
  ...Object.fromEntries(ALONE.map((name) => [`sinon's ${name}`, () => bySinon(name)])),
  "sinon's, all but nextTick": () => bySinon(...ALONE),
  "sinon's, all but nextTick and queueMicrotask": () => bySinon(...MOST),
  'a clock that was replaced by hand': () => {
    const wall = sinon.stub(Date, 'now').returns(0)
    const span = sinon.stub(performance, 'now').returns(0)
    return () => {
      wall.restore()
      span.restore()
    }
  },
  'a nextTick that loses what it is given': () => {
    const { nextTick } = process
    const lib = new URL('../../lib/', import.meta.url).pathname
    process.nextTick = (callback, ...args) => {
      const [, , caller] = new Error().stack!.split('\n')
      if (!caller!.includes(lib)) nextTick(callback, ...args)
    }
    return () => {
      process.nextTick = nextTick
    }
  },
}

const MOMENTS = ['before it is attached', 'after it was attached', 'between two messages'] as const

describe('Timers of the process that are faked', () => {
  let fixture: Fixture
  let spillway: Spillway | undefined
  let restore: () => void = () => {}

  const unfake = () => {
    restore()
    restore = () => {}
  }

  afterEach(async () => {
    unfake()
    spillway?.close()
    spillway = undefined
    await fixture.close()
  })

  /** How many of ten messages each client gets. */
  async function run(moment: (typeof MOMENTS)[number], fake: () => () => void, plugin: boolean) {
    fixture = await startServer('plain')
    const { io } = fixture
    // they answer nothing that would make the server look after them
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => fixture.raw({ autoPong: false })),
    )
    if (moment === 'before it is attached') restore = fake()
    spillway = plugin ? (attach(io, { messages, tickBudget: 1 }) as Spillway) : undefined
    if (moment === 'after it was attached') restore = fake()
    for (let n = 0; n < 5; n++) {
      io.emit('jackpot:won', { n })
      io.emit('unannotated', n)
      if (n === 2 && moment === 'between two messages') restore = fake()
      // beyond what may be sent in this turn of the loop
      for (const end = now() + 2; now() < end; );
      await turn()
      await turn()
    }
    await until(() => clients.every(({ events }) => events.length >= 10))
    return clients.map(({ events }) => events.length)
  }

  for (const moment of MOMENTS) {
    for (const [name, fake] of Object.entries(FAKES)) {
      it(`hold nothing: ${name}, ${moment}`, async () => {
        expect(await run(moment, fake, true)).to.deep.equal(Array(CLIENTS).fill(10))
      })
    }
  }

  for (const [name, fake] of Object.entries(FAKES)) {
    it(`hold nothing without the plugin either: ${name}`, async () => {
      expect(await run('before it is attached', fake, false)).to.deep.equal(Array(CLIENTS).fill(10))
    })
  }

  for (const [name, fake] of [
    ["node:test's", byNode],
    ["sinon's", () => bySinon(...MOST)],
  ] as const) {
    describe(name, () => {
      let client: RawClient

      beforeEach(async () => {
        fixture = await startServer('plain')
        client = await fixture.raw()
      })

      it('do not keep from a client what has waited for it', async () => {
        restore = fake()
        spillway = attach(fixture.io, { messages }) as Spillway
        starve({ ...fixture, spillway }, client)
        for (let n = 0; n < 20; n++) fixture.io.emit('reel:frame', { n, pad })
        for (let n = 0; n < 20; n++) fixture.io.emit('jackpot:won', { n, pad })
        client.resume()
        await until(() => client.received('jackpot:won').length === 20)
        await until(() => spillway!.stats().buffered === 0)
      })

      it('do not keep new clients waiting, where admission is on', async () => {
        restore = fake()
        spillway = attach(fixture.io, { admission: { loopDelay: 10_000 } }) as Spillway
        const late = await fixture.raw({ joins: ['40'] })
        await until(() => late.frames.some((frame) => String(frame).startsWith('40{')))
      })

      it('do not keep a shutdown, a list, a callback or the log from ending', async () => {
        restore = fake()
        spillway = attach(fixture.io, { messages }) as Spillway
        const told: string[] = []
        spillway.events.on('policy', () => told.push('policy'))
        spillway.setMode('observe')
        expect((await spillway.list({ limit: 1 })).clients).to.have.length(1)
        await until(() => told.length === 1)
        await spillway.shutdown({ spread: 50, deadline: 1000 })
        expect(client.open).to.equal(false)
      })
    })
  }
})
