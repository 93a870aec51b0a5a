import { expect } from 'chai'
import { Lanes, NO_LANES } from '../../lib/channel/lanes.ts'
import type { Envelope } from '../../lib/message/envelope.ts'
import { HeldBytes } from '../../lib/message/held-bytes.ts'
import { LEFT_SOCKET } from '../../lib/message/memory-costs.ts'
import { criticalRule, envelope, rule } from '../support/fakes/envelopes.ts'

const low = rule({ class: 'cosmetic', rank: -1 })
const middle = rule({ class: 'cosmetic' })
const newest = rule({ class: 'cosmetic', drop: 'newest' })

const socket = { id: 'a', nsp: { name: '/' }, connected: true, rooms: new Set<string>() }

function lanesWith(...envelopes: Envelope[]) {
  const heldBytes = new HeldBytes()
  const lanes = new Lanes(heldBytes)
  for (const each of envelopes) lanes.push(each, undefined)
  return { lanes, heldBytes }
}

function order(lanes: Lanes): Envelope[] {
  const all: Envelope[] = []
  lanes.clear((each) => all.push(each))
  return all
}

describe('Lanes', () => {
  it('put each message in the lane of its class; critical ones leave first', () => {
    const [cosmetic, critical] = [envelope({ rule: middle }), envelope({ rule: criticalRule })]
    const { lanes } = lanesWith(cosmetic, critical)
    expect([lanes.bytes, lanes.peek()]).to.deep.equal([200, critical])
    expect(order(lanes)).to.deep.equal([critical, cosmetic])
    expect([lanes.empty, lanes.bytes, lanes.peek()]).to.deep.equal([true, 0, undefined])
  })

  it('move the cosmetic messages of a namespace behind the critical ones', () => {
    const [game, critical] = [
      envelope({ rule: middle, namespace: '/game' }),
      envelope({ rule: criticalRule }),
    ]
    const other = envelope({ rule: middle })
    const { lanes } = lanesWith(other, game, critical)
    lanes.promote('/game')
    expect(order(lanes)).to.deep.equal([critical, game, other])
  })

  describe('#makeRoom', () => {
    it('removes lower ranks first, then the oldest of its own', () => {
      const [a, b, c] = [middle, low, middle].map((each) => envelope({ rule: each }))
      const { lanes } = lanesWith(a!, b!, c!)
      expect(lanes.makeRoom(middle, 150, undefined)).to.deep.equal([b, a])
      expect(order(lanes)).to.deep.equal([c])
    })

    it('removes nothing of its own rank where the policy is to drop the newest', () => {
      const { lanes } = lanesWith(envelope({ rule: newest }))
      expect(lanes.makeRoom(newest, 50, undefined)).to.equal(undefined)
      expect(lanes.bytes).to.equal(100)
    })

    it('removes nothing if that would not be enough, and never what is to be kept', () => {
      const [keep, other] = [envelope({ rule: middle }), envelope({ rule: middle })]
      const { lanes } = lanesWith(keep, other)
      expect(lanes.makeRoom(middle, 101, keep)).to.equal(undefined)
      expect(lanes.bytes).to.equal(200)
      expect(lanes.makeRoom(middle, 100, keep)).to.deep.equal([other])
    })
  })

  it('cost what a socket costs that only they keep, until nothing waits for it', () => {
    const { lanes, heldBytes } = lanesWith()
    const message = envelope({ rule: criticalRule })
    lanes.push(message, socket)
    const { cost } = lanes
    lanes.left(socket)
    expect(lanes.cost - cost).to.equal(LEFT_SOCKET)
    order(lanes)
    expect([lanes.cost, heldBytes.bytes]).to.deep.equal([0, 0])
  })

  it('that nobody owns stay empty', () => {
    NO_LANES.left(socket)
    expect([NO_LANES.empty, NO_LANES.cost, NO_LANES.bytes]).to.deep.equal([true, 0, 0])
  })
})
