import { expect } from 'chai'
import { z } from 'zod'
import { PacketFields } from '../../lib/intercept/packet-fields.ts'
import type { EncodedPart } from '../../lib/message/frame.ts'
import type { Packet } from '../../lib/socketio/packet.ts'
import type { TappedServer } from '../../lib/socketio/server.ts'
import { cosmetic, critical } from '../../schemas/priority.ts'
import { makeClassifier } from '../support/classes.ts'
import { fakeClock } from '../support/fakes/fake-clock.ts'
import { refusalOf } from '../support/refusals.ts'

const encode = ({ data }: Packet): EncodedPart[] => [JSON.stringify(data)]
const packetOf = (...data: unknown[]): Packet => ({ type: 2, nsp: '/', data })

interface Surroundings {
  readonly recovers?: boolean
  readonly observes?: boolean
}

/** Fields of packets for a server with two events, whose namespace has one socket. */
function setUp({ recovers = true, observes = false }: Surroundings = {}) {
  const { classifier } = makeClassifier(
    { frame: cosmetic(z.number()), won: critical(z.number()) },
    { validate: 'throw' },
  )
  const acks = new Map<number, unknown>([
    [7, 'asked'],
    [8, 'of another emit'],
  ])
  const opts = { rooms: new Set(), except: new Set() }
  const packets = [{ id: 'o0', data: ['frame', 0, 'o0'], opts, emittedAt: 0 }]
  const adapter = { nsp: { name: '/' }, packets }
  const io = {
    opts: recovers ? { connectionStateRecovery: {} } : {},
    _nsps: new Map([['/', { sockets: new Map([['a', { acks }]]), adapter }]]),
  } as unknown as TappedServer
  const clock = fakeClock()
  const fields = new PacketFields(io, classifier, clock, () => observes)
  /** What is known of a packet that is broadcast, which gets an offset as it is stored. */
  const broadcast = (packet: Packet, isVolatile = false) => {
    fields.emitted(packet, '/', adapter, false)
    const data = packet.data as unknown[]
    data.push('o1')
    adapter.packets.push({ id: 'o1', data: data as never, opts, emittedAt: 1000 })
    fields.encodes(adapter, isVolatile)
    return fields.fieldsOf(packet, true, encode)
  }
  return { fields, clock, acks, adapter, broadcast }
}

describe('PacketFields', () => {
  it('have the class of an event, its parts and the time', () => {
    const { clock, broadcast } = setUp({ recovers: false })
    clock.advance(500)
    const fields = broadcast(packetOf('frame', 1))
    expect(fields).to.include({ event: 'frame', kind: 'event', namespace: '/', emittedAt: 1500 })
    expect(fields.rule.class).to.equal('cosmetic')
    expect(fields.parts).to.deep.equal(['["frame",1,"o1"]'])
  })

  it('are those of what is no event without a class', () => {
    const { fields } = setUp()
    const connect = { type: 0, nsp: '/', data: { sid: 's' } }
    const found = fields.fieldsOf(connect, true, encode)
    expect(found).to.include({ kind: 'connect', event: undefined, sid: 's' })
    expect(found.parts).to.deep.equal(['{"sid":"s"}'])
  })

  it('have a version without its offset of a cosmetic message, which is not kept in the store', () => {
    const { adapter, broadcast } = setUp()
    const fields = broadcast(packetOf('frame', 1))
    expect(fields.parts, 'with the offset of the one before').to.deep.equal(['["frame",1,"o0"]'])
    expect(fields.bare?.()).to.deep.equal(['["frame",1]'])
    expect(adapter.packets.map(({ id }) => id)).to.deep.equal(['o0'])
  })

  const KEPT: Record<string, [event: string, Surroundings, isVolatile?: boolean]> = {
    'critical messages': ['won', {}],
    'volatile messages': ['frame', {}, true],
    'messages while it only observes': ['frame', { observes: true }],
    'messages without recovery': ['frame', { recovers: false }],
  }
  for (const [name, [event, surroundings, isVolatile]] of Object.entries(KEPT)) {
    it(`leave the last text of ${name}, and the store`, () => {
      const { adapter, broadcast } = setUp(surroundings)
      const { parts, bare } = broadcast(packetOf(event, 1), isVolatile)
      expect(parts).to.deep.equal([`["${event}",1,"o1"]`])
      expect(bare).to.equal(undefined)
      expect(adapter.packets).to.have.length(2)
    })
  }

  it('are none of an emit that is refused, whose callback is forgotten', () => {
    for (const isBroadcast of [true, false]) {
      const { fields, acks, adapter } = setUp({ recovers: false })
      const packet = { ...packetOf('frame', 'no number'), id: 7 }
      const refusal = refusalOf(() =>
        isBroadcast
          ? fields.emitted(packet, '/', adapter, true)
          : fields.fieldsOf(packet, true, encode),
      )
      expect(refusal.code).to.equal('SPILLWAY_INVALID_PAYLOAD')
      expect([...acks.keys()]).to.deep.equal([8])
    }
  })
})
