import { expect } from 'chai'
import type { Classifier, Verdict } from '../../lib/classify/classifier.ts'
import { type Marked, writeMark } from '../../lib/intercept/mark.ts'
import { Origins } from '../../lib/intercept/origins.ts'
import type { Packet } from '../../lib/socketio/packet.ts'

const EVENT = 2
/** A payload of `bad` is invalid, and one of `none` has no annotation. */
const judge = (namespace: string, data: readonly unknown[], isInvalid: boolean, how: string) =>
  (data[1] === 'none' ? undefined : { namespace, isInvalid, how, rule: {} }) as unknown as
    | Verdict
    | undefined

function origins(recovers = false) {
  const classifier = {
    judge: (namespace: string, data: readonly unknown[]) =>
      judge(namespace, data, data[1] === 'bad', 'judged'),
    resolve: (namespace: string, data: readonly unknown[], { invalid }: { invalid?: boolean }) =>
      judge(namespace, data, invalid === true, 'resolved'),
  } as unknown as Classifier
  return new Origins(classifier, () => recovers)
}

const packetOf = (payload: unknown): Packet & Marked => ({
  type: EVENT,
  nsp: '/',
  data: ['event', payload],
})

/** How a packet's class was found, and whether its payload is invalid. */
function found(of: Origins, packet: Packet, isTapped = true) {
  const { verdict, ...rest } = of.of(packet, packet.data as unknown[], isTapped)
  const { how, isInvalid } = (verdict ?? {}) as { how?: string; isInvalid?: boolean }
  return { how, isInvalid, ...rest }
}

const adapter = {}

describe('Origins', () => {
  it('judges a packet for one socket where it is encoded', () => {
    const expected = { how: 'judged', isInvalid: true, isReplay: false, isVolatile: false }
    expect(found(origins(), packetOf('bad'))).to.deep.equal(expected)
  })

  it('judges a broadcast where it is emitted, once', () => {
    const all = origins()
    const packet = packetOf('good')
    all.emitted(packet, '/', adapter, false)
    ;(packet.data as unknown[])[1] = 'bad'
    all.encodes(adapter, true)
    const expected = { how: 'judged', isInvalid: false, isReplay: false, isVolatile: true }
    expect(found(all, packet)).to.deep.equal(expected)
  })

  it('resolves a broadcast of another node by its mark, which no client is sent', () => {
    const all = origins()
    const packet = packetOf('bad')
    writeMark(packet, { isInvalid: true } as Verdict)
    all.encodes(adapter, false)
    const expected = { how: 'resolved', isInvalid: true, isReplay: false, isVolatile: false }
    expect(found(all, packet)).to.deep.equal(expected)
    expect(packet).to.deep.equal(packetOf('bad'))
  })

  it('has a mark for other nodes on a broadcast, but for one that wants answers', () => {
    for (const wantsAnswer of [false, true]) {
      const all = origins()
      const packet = packetOf('bad')
      all.emitted(packet, '/', adapter, wantsAnswer)
      expect(Object.keys(packet).includes('spillway')).to.equal(!wantsAnswer)
      const sent = JSON.parse(JSON.stringify(packet)) as Packet
      all.encodes({}, false)
      expect(found(all, sent)).to.include({ how: 'resolved', isInvalid: !wantsAnswer })
    }
  })

  it('takes no mark of an application for its own', () => {
    const all = origins()
    const packet = Object.assign(packetOf('none'), { spillway: { invalid: true } })
    all.emitted(packet, '/', adapter, false)
    expect(packet).to.deep.equal(packetOf('none'))
  })

  it('judges one packet for each namespace in which it is broadcast', () => {
    const all = origins()
    const other = {}
    const packet = packetOf('good')
    all.emitted(packet, '/', adapter, false)
    all.emitted(packet, '/tables', other, false)
    for (const [each, namespace] of [
      [adapter, '/'],
      [other, '/tables'],
    ] as const) {
      all.encodes(each, false)
      const { verdict } = all.of(packet, packet.data as unknown[], true)
      expect((verdict as unknown as { namespace: string }).namespace).to.equal(namespace)
    }
  })

  it('forgets the adapter with the packet that it encodes', () => {
    const all = origins()
    all.encodes(adapter, true)
    found(all, packetOf('good'))
    expect(found(all, packetOf('good'))).to.include({ how: 'judged', isVolatile: false })
  })

  it('takes what no adapter encodes for a replay, where sessions are recovered', () => {
    const all = origins(true)
    expect(found(all, packetOf('bad'))).to.include({ how: 'resolved', isReplay: true })
    expect(found(all, packetOf('bad'), false), 'untapped').to.include({ isReplay: false })
    const invalid = packetOf('bad')
    all.emitted(invalid, '/', adapter, false)
    const again = { ...packetOf('good'), data: invalid.data }
    expect(found(all, again)).to.include({ isInvalid: true, isReplay: true })
  })
})
