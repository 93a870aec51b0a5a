import { expect } from 'chai'
import { Envelope, type EnvelopeFields, type WriteOptions } from '../../lib/message/envelope.ts'
import { HeldBytes } from '../../lib/message/held-bytes.ts'
import { criticalRule, rule } from '../support/fakes/envelopes.ts'

const FIELDS: EnvelopeFields = {
  rule: criticalRule,
  kind: 'event',
  namespace: '/',
  event: 'won',
  parts: ['2["won"]'],
  emittedAt: 1000,
}

const make = (fields: Partial<EnvelopeFields> = {}, options?: WriteOptions) =>
  new Envelope({ ...FIELDS, ...fields }, options)

describe('Envelope', () => {
  it('has the size of its frames, of each part and of all', () => {
    const binary = make({ parts: ['51-["won",{}]', new Uint8Array(200), 'ä'] })
    // a header of 2 bytes, or of 4 from 126 bytes on; a text has a character of Engine.IO's before it
    expect(binary.sizes).to.deep.equal([16, 204, 5])
    expect(binary.bytes).to.equal(225)
    expect(binary.frames).to.have.length(225)
    expect(binary.frames, 'encoded once').to.equal(binary.frames)
  })

  it('writes a frame that Socket.IO has encoded in advance, as it is', () => {
    const wsPreEncodedFrame = [Buffer.from('header '), Buffer.from('payload')]
    const given = make({}, { wsPreEncodedFrame })
    expect(given).to.include({ bytes: 14, framable: true })
    expect(String(given.frames)).to.equal('header payload')
  })

  it('leaves what it cannot frame itself to Engine.IO', () => {
    const frame = Buffer.from('frame')
    const unusable = [[], [frame, frame, frame], ['frame'], 'frame']
    for (const wsPreEncodedFrame of unusable as unknown as Uint8Array[][]) {
      expect(make({}, { wsPreEncodedFrame }).framable).to.equal(false)
    }
    const parts = ['51-[]', new Uint8Array(1)]
    expect(make({ parts }, { wsPreEncodedFrame: [frame] }).framable).to.equal(false)
    expect(make({ parts: [{} as never] }).framable).to.equal(false)
    expect(make({ parts }).framable).to.equal(true)
  })

  it('can be overtaken without its recovery offset, if it has one', () => {
    const plain = make()
    expect(plain.overtakable).to.equal(plain)
    let encoded = 0
    const bare = () => {
      encoded++
      return ['2["won",null]']
    }
    const options = { compress: true, wsPreEncodedFrame: [Buffer.from('with its offset')] }
    const { overtakable } = make({ bare, key: 'k' }, options)
    expect(overtakable).to.include({ key: 'k', event: 'won', emittedAt: 1000 })
    expect(overtakable.parts).to.deep.equal(['2["won",null]'])
    expect(overtakable.options).to.deep.equal({ compress: true })
    expect(overtakable.overtakable).to.equal(overtakable)
    const one = make({ bare })
    expect(one.overtakable, 'shared by all recipients').to.equal(one.overtakable)
    expect(encoded).to.equal(2)
  })

  it('has a packet of Engine.IO for each part, uncompressed unless told otherwise', () => {
    const parts = ['51-[]', new Uint8Array(1)]
    const packets = parts.map((data) => ({ type: 'message', options: { compress: false }, data }))
    const envelope = make({ parts })
    expect(envelope.packets).to.deep.equal(packets)
    expect(envelope.packets, 'made once').to.equal(envelope.packets)
    const options = { compress: true }
    expect(make({}, options).packets[0]).to.have.property('options', options)
  })

  it('costs more once its frames are encoded, also where it is held already', () => {
    const heldBytes = new HeldBytes()
    const envelope = make()
    heldBytes.hold(envelope)
    const { cost, weight } = envelope
    expect(cost).to.equal(weight)
    expect(envelope.frames).to.have.length(envelope.bytes)
    expect(envelope.cost).to.be.at.least(cost + envelope.bytes)
    expect(envelope.weight).to.equal(weight)
    expect(heldBytes.bytes).to.equal(envelope.cost)
    heldBytes.release(envelope)
    expect(heldBytes.bytes).to.equal(0)
  })

  it('expires after the maxAge of its rule, else that of the option; never if it is critical', () => {
    const expires = (envelope: Envelope) =>
      [1050, 1051, 1200, 1201].map((now) => envelope.expired(now, 200))
    const short = rule({ class: 'cosmetic', maxAge: 50 })
    expect(expires(make({ rule: short }))).to.deep.equal([false, true, true, true])
    expect(expires(make({ rule: rule() }))).to.deep.equal([false, false, false, true])
    expect(make().expired(Number.MAX_VALUE, 200)).to.equal(false)
  })
})
