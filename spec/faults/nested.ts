import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { DIAGNOSTICS } from '../../lib/telemetry/diagnostics.ts'
import type { Fault } from './fault.ts'
import type { Calls, Stage } from './stage.ts'

/** Emits to everyone, so often at most: one that brings itself about again would never end. */
const MOST = 150

const emitting = (calls: Calls, name: string) => (): void => {
  calls.count(name)
  if (calls.of(name) <= MOST) calls.emitSeat()
}

async function expectCalled(stage: Stage, ...names: string[]): Promise<void> {
  for (const name of names) await stage.expect(`${name} called`, () => stage.calls.of(name) > 0)
}

/** Not from within what it has itself brought about. */
function guard(): (emit: () => void) => void {
  let inside = false
  return (emit) => {
    if (inside) return
    inside = true
    emit()
    inside = false
  }
}

export const nestedFaults: readonly Fault[] = [
  {
    name: 'emit within onShed and onClosed',
    options: (calls) => ({
      onShed: emitting(calls, 'onShed'),
      onClosed: emitting(calls, 'onClosed'),
    }),
    async run(stage) {
      for (let n = 0; n < 3; n++) {
        const client = await stage.raw()
        client.stall()
        await stage.rounds(100)
        const [sid] = [...stage.io.of('/').sockets.keys()].slice(-1)
        stage.spillway.terminate(sid!)
      }
      await stage.load.stop()
      await expectCalled(stage, 'onShed', 'onClosed')
      stage.load.start()
    },
  },
  {
    name: 'emit within outgoing listeners',
    async run(stage) {
      const { calls, io } = stage
      // one for all: what a listener emits within another's would come before that, as without us
      const outside = guard()
      for (const [id, socket] of io.of('/').sockets) {
        const emit = emitting(calls, id)
        socket.onAnyOutgoing(() => outside(emit))
      }
      await stage.rounds(200)
      await expectCalled(stage, ...io.of('/').sockets.keys())
      for (const socket of stage.io.of('/').sockets.values()) socket.offAnyOutgoing()
    },
  },
  {
    name: 'emit within ack callbacks',
    async run(stage) {
      const { calls, stayers, io } = stage
      for (const { client } of stayers) client.on('ask', (ack: () => void) => ack())
      for (let n = 0; n < 20; n++) {
        for (const [id, socket] of io.of('/').sockets) socket.emit('ask', emitting(calls, id))
        io.timeout(50).emit('ask', emitting(calls, 'broadcast'))
        await stage.rounds(5)
      }
      await expectCalled(stage, 'broadcast', ...io.of('/').sockets.keys())
    },
  },
  {
    name: 'emit within disconnect handlers',
    async run(stage) {
      const names = ['disconnecting', 'disconnect'] as const
      stage.io.on('connection', (socket) => {
        for (const name of names) {
          socket.on(name, () => {
            // to itself too
            socket.emit('late')
            emitting(stage.calls, name)()
          })
        }
      })
      for (let n = 0; n < 20; n++) {
        const [raw, guest] = [await stage.raw(), await stage.guest(['polling'], `polling ${n}`)]
        await stage.rounds(5)
        if (n % 2) guest.client.disconnect()
        // all but those that stay
        else stage.io.in([...stage.io.of('/').sockets.keys()].slice(4)).disconnectSockets(true)
        await stage.rounds(1)
        raw.close()
      }
      await expectCalled(stage, ...names)
    },
  },
  {
    name: 'emit within listeners of events and diagnostics channels',
    async run(stage) {
      const { calls, spillway } = stage
      const outside = guard()
      for (const event of ['congested', 'recovered', 'closed'] as const) {
        const emit = emitting(calls, event)
        spillway.events.on(event, () => outside(emit))
      }
      const emit = emitting(calls, 'subscriber')
      const subscriber = () => outside(emit)
      for (const name of Object.keys(DIAGNOSTICS)) subscribe(name, subscriber)
      try {
        await stage.rounds(200)
      } finally {
        for (const name of Object.keys(DIAGNOSTICS)) unsubscribe(name, subscriber)
      }
      await expectCalled(stage, 'congested', 'subscriber')
    },
  },
]
