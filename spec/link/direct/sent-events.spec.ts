import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import { isAwaited, tellFlushed, tellSent } from '../../../lib/link/direct/sent-events.ts'
import type { FrameBatch } from '../../../lib/message/frame-batch.ts'
import type { EngineSocket, EngineTransport } from '../../../lib/socketio/engine.ts'

/** A transport with the listeners that an Engine.IO of this version has. */
function transportOf(version: '6.5' | '6.6') {
  const transport = new EventEmitter() as unknown as EngineTransport
  transport.writable = false
  const engines = version === '6.6' ? ['drain', 'ready'] : ['drain', 'drain']
  for (const event of engines) transport.on(event, () => {})
  return transport
}

for (const version of ['6.5', '6.6'] as const) {
  describe(`With Engine.IO ${version}, a transport`, () => {
    it('is awaited by whoever listens beside Engine.IO and the plugin', () => {
      const transport = transportOf(version)
      expect(isAwaited(transport, 0)).to.equal(false)
      transport.on('drain', () => {})
      expect(isAwaited(transport, 1)).to.equal(false)
      expect(isAwaited(transport, 0)).to.equal(true)
      transport.on(version === '6.6' ? 'ready' : 'drain', () => {})
      expect(isAwaited(transport, 1)).to.equal(true)
    })

    it('tells that it has sent when it is writable, or as early as Engine.IO does', () => {
      for (const isFree of [true, false]) {
        const transport = transportOf(version)
        const told: string[] = []
        for (const event of new Set(transport.eventNames())) {
          transport.prependListener(event, () =>
            told.push(`${String(event)} ${transport.writable}`),
          )
        }
        tellSent(transport, isFree)
        const expected =
          version === '6.6' ? ['drain false', `ready ${isFree}`] : [`drain ${isFree}`]
        expect(told).to.deep.equal(expected)
        expect(transport.writable).to.equal(isFree)
      }
    })
  })
}

describe('tellFlushed', () => {
  function connection() {
    const server = new EventEmitter()
    const conn = Object.assign(new EventEmitter(), { server }) as unknown as EngineSocket
    let made = 0
    const packets = [{ type: 'message' }]
    const batch = {
      get packets() {
        made++
        return packets
      },
    } as unknown as FrameBatch
    return { conn, server, batch, packets, made: () => made }
  }

  it('tells the connection and its server in the order of Engine.IO', () => {
    const { conn, server, batch, packets } = connection()
    const told: unknown[] = []
    conn.on('flush', (given) => told.push(['conn flush', given]))
    server.on('flush', (of, given) => told.push(['server flush', of === conn, given]))
    conn.on('drain', () => told.push('conn drain'))
    server.on('drain', (of) => told.push(['server drain', of === conn]))
    tellFlushed(conn, batch)
    expect(told).to.deep.equal([
      ['conn flush', packets],
      ['server flush', true, packets],
      'conn drain',
      ['server drain', true],
    ])
  })

  it('makes packets for nobody', () => {
    const { conn, batch, made } = connection()
    tellFlushed(conn, batch)
    expect(made()).to.equal(0)
    conn.on('flush', () => {})
    tellFlushed(conn, batch)
    expect(made()).to.equal(1)
  })
})
