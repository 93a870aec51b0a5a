import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'socket.io'
import { z } from 'zod'
import { DIAGNOSTICS } from '../../lib/telemetry/diagnostics.ts'
import { cosmetic } from '../../schemas/priority.ts'
import { messages } from '../support/messages.ts'
import { type Fault, fail, OF_APPLICATION } from './fault.ts'
import type { Calls, Stage } from './stage.ts'

const EVENTS = ['congested', 'recovered', 'closed', 'policy', 'invalid', 'fault'] as const

/** Whatever the plugin tells of happens: shedding by itself, the rest here. */
async function everythingHappens(stage: Stage): Promise<void> {
  const { spillway, io } = stage
  for (let n = 1; n <= 3; n++) {
    spillway.setPolicy({ maxAge: 2000 + n })
    io.emit('jackpot:won:no', n)
    io.emit('odds:now', { n: 'not a number' })
    const client = await stage.raw()
    client.stall()
    await stage.rounds(40)
    const [sid] = [...io.of('/').sockets.keys()].slice(-1)
    spillway.terminate(sid!)
    await stage.rounds(40)
  }
}

const throwing = (calls: Calls, name: string) => (): never => {
  calls.count(name)
  return fail()
}

/** Throws, rejects and throws no error in turn. */
const failing = (calls: Calls, name: string) => (): unknown => {
  calls.count(name)
  if (calls.of(name) % 3 === 0) return Promise.reject(new Error(OF_APPLICATION))
  if (calls.of(name) % 3 === 1) throw OF_APPLICATION
  return fail()
}

async function expectCalled(stage: Stage, ...names: string[]): Promise<void> {
  for (const name of names) await stage.expect(`${name} called`, () => stage.calls.of(name) > 0)
}

/** A client of the fault, joined after those that stay: in a broadcast it comes last. */
async function lastSocket(stage: Stage): Promise<Socket> {
  const { id } = await stage.client()
  return stage.io.of('/').sockets.get(id!)!
}

export const applicationFaults: readonly Fault[] = [
  {
    name: 'onShed and onClosed throw',
    options: (calls) => ({
      onShed: failing(calls, 'onShed'),
      onClosed: failing(calls, 'onClosed'),
      gapEvent: 'gap',
    }),
    async run(stage) {
      await everythingHappens(stage)
      await stage.load.stop()
      await expectCalled(stage, 'onShed', 'onClosed')
      stage.load.start()
    },
  },
  {
    name: 'listeners of spillway.events throw',
    async run(stage) {
      const { calls, spillway } = stage
      for (const event of EVENTS) spillway.events.on(event, failing(calls, event))
      await everythingHappens(stage)
      await stage.load.stop()
      await expectCalled(stage, 'congested', 'recovered', 'closed', 'policy', 'invalid')
      stage.load.start()
    },
  },
  {
    name: 'the logger throws',
    options: (calls) => ({
      log: {
        info: throwing(calls, 'info'),
        warn: throwing(calls, 'warn'),
        error: throwing(calls, 'error'),
      },
      onClosed: fail,
    }),
    async run(stage) {
      await everythingHappens(stage)
      await expectCalled(stage, 'warn')
    },
  },
  {
    name: 'subscribers of diagnostics channels throw',
    uncaught: true,
    async run(stage) {
      const subscriber = throwing(stage.calls, 'subscriber')
      for (const name of Object.keys(DIAGNOSTICS)) subscribe(name, subscriber)
      try {
        await everythingHappens(stage)
      } finally {
        for (const name of Object.keys(DIAGNOSTICS)) unsubscribe(name, subscriber)
      }
      await expectCalled(stage, 'subscriber')
    },
  },
  {
    name: 'conflateBy and schemas throw',
    options: (calls) => ({
      messages: {
        ...messages,
        'bad:key': cosmetic(z.any(), { conflateBy: throwing(calls, 'conflateBy') }),
        'bad:schema': cosmetic(z.any().refine(throwing(calls, 'schema'))),
      },
    }),
    async run(stage) {
      for (let n = 0; n < 100; n++) {
        stage.io.emit('bad:key', n)
        stage.io.emit('bad:schema', n)
        await stage.rounds(2)
      }
      await expectCalled(stage, 'conflateBy', 'schema')
    },
  },
  {
    name: 'outgoing listeners throw',
    async run(stage) {
      const socket = await lastSocket(stage)
      const { thrown } = stage.load
      socket.onAnyOutgoing(throwing(stage.calls, 'onAnyOutgoing'))
      await stage.rounds(100)
      socket.offAnyOutgoing()
      socket.prependAnyOutgoing(throwing(stage.calls, 'prependAnyOutgoing'))
      await stage.rounds(100)
      socket.offAnyOutgoing()
      await expectCalled(stage, 'onAnyOutgoing', 'prependAnyOutgoing')
      stage.check(
        'nothing else thrown',
        thrown.length > 0 && thrown.every((error) => (error as Error).message === OF_APPLICATION),
      )
      thrown.length = 0
    },
  },
  {
    name: 'ack callbacks throw',
    uncaught: true,
    async run(stage) {
      const { calls, stayers, io } = stage
      for (const { client } of stayers) client.on('ask', (ack: () => void) => ack())
      for (let n = 0; n < 20; n++) {
        for (const socket of io.of('/').sockets.values()) {
          socket.emit('ask', throwing(calls, 'ack'))
          socket.timeout(5).emit('never', throwing(calls, 'timeout'))
        }
        await stage.rounds(5)
      }
      await expectCalled(stage, 'ack', 'timeout')
    },
  },
  {
    name: 'incoming, connection and disconnect handlers and middlewares throw',
    uncaught: true,
    async run(stage) {
      const { calls, io } = stage
      const onConnection = throwing(calls, 'connection')
      for (const socket of io.of('/').sockets.values()) {
        socket.on('bad', throwing(calls, 'bad'))
        socket.onAny((event) => event === 'bad' && calls.count('any'))
      }
      io.on('connection', (socket) => {
        socket.use(throwing(calls, 'middleware'))
        socket.on('disconnect', throwing(calls, 'disconnect'))
        socket.on('bad', throwing(calls, 'bad'))
      })
      io.on('connection', onConnection)
      for (let n = 0; n < 30; n++) {
        const client = await stage.raw()
        client.send('42["bad"]')
        for (const stayer of stage.stayers) stayer.client.emit('bad')
        await stage.rounds(4)
        client.close()
      }
      io.off('connection', onConnection)
      await expectCalled(stage, 'connection', 'middleware', 'disconnect', 'bad')
    },
  },
]
