import { expect } from 'chai'
import { messages } from '../support/messages.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'

/** What an application may emit by mistake, or because a client has said so. */
const NAMES: Readonly<Record<string, () => unknown>> = {
  'an object without a prototype': () => Object.create(null),
  'an object that throws when it becomes a text': () => ({
    toString() {
      throw new Error('toString was called')
    },
  }),
  'a symbol': () => Symbol('event'),
  nothing: () => undefined,
  null: () => null,
  'a number': () => 7,
  NaN: () => Number.NaN,
  'a list': () => ['a', { b: 1 }],
  'a function': () => () => 'x',
  'a bigint': () => 1n,
  'a date': () => new Date(0),
  'an empty text': () => '',
  __proto__: () => '__proto__',
  constructor: () => 'constructor',
  toString: () => 'toString',
  'a long text': () => 'x'.repeat(100_000),
  controls: () => '\u001b[31m\u202e\u0000',
  'a surrogate alone': () => '\ud800',
}

type Emit = (fixture: Fixture, name: unknown) => void

const WAYS: Readonly<Record<string, Emit>> = {
  'io.emit': ({ io }, name) => io.emit(name as string, 1),
  'socket.emit': ({ io }, name) => [...io.sockets.sockets.values()][0]!.emit(name as string, 1),
  'io.to(room).emit': ({ io }, name) => {
    const [socket] = io.sockets.sockets.values()
    io.to(socket!.id).emit(name as string, 1)
  },
  'socket.emit with an ack': ({ io }, name) => {
    const [socket] = io.sockets.sockets.values()
    socket!.emit(name as string, 1, () => {})
  },
}

describe('Odd names of events', () => {
  /** What a client is sent, and what is thrown. */
  async function emitted(options: Parameters<typeof startServer>[0]): Promise<string[]> {
    const fixture = await startServer(options)
    try {
      const client = await fixture.raw()
      const thrown: string[] = []
      for (const [way, emit] of Object.entries(WAYS)) {
        for (const [name, make] of Object.entries(NAMES)) {
          try {
            emit(fixture, make())
          } catch (error) {
            thrown.push(`${way} of ${name} threw ${(error as Error).message}`)
          }
        }
      }
      fixture.io.emit('last')
      await client.until(() => client.events.includes('last'))
      return [...thrown, ...client.frames.slice(2).map(String)]
    } finally {
      await fixture.close()
    }
  }

  for (const mode of ['enforce', 'observe'] as const) {
    it(`are sent and refused as without the plugin, in mode ${mode}`, async () => {
      const plain = await emitted('plain')
      expect(plain.length).to.be.greaterThan(Object.keys(NAMES).length)
      expect(await emitted({ mode, messages })).to.deep.equal(plain)
    })
  }
})
