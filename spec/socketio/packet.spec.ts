import { expect } from 'chai'
import { connectedAs, eventOf, kindOf } from '../../lib/socketio/packet.ts'

const packet = (type: number, data?: unknown) => ({ type, nsp: '/', data })

describe('A packet', () => {
  it('is an event if it is of type EVENT or BINARY_EVENT, and has arguments', () => {
    const data = ['table:state', { seat: 1 }]
    expect(eventOf(packet(2, data))).to.equal(data)
    expect(eventOf(packet(5, data))).to.equal(data)
    for (const type of [0, 1, 3, 4, 6]) expect(eventOf(packet(type, data))).to.equal(undefined)
    expect(eventOf(packet(2, 'no array'))).to.equal(undefined)
    expect(eventOf(packet(2))).to.equal(undefined)
  })

  it('is of a kind that is told by its type', () => {
    const kinds = [0, 1, 3, 4, 6].map((type) => kindOf(packet(type)))
    expect(kinds).to.deep.equal(['connect', 'disconnect', 'other', 'other', 'other'])
  })

  it('names a socket if it is a CONNECT of a server, to a client of protocol 4', () => {
    expect(connectedAs(packet(0, { sid: 'abc' }))).to.equal('abc')
    for (const data of [undefined, {}, { sid: 7 }, 'abc']) {
      expect(connectedAs(packet(0, data))).to.equal(undefined)
    }
    expect(connectedAs(packet(2, { sid: 'abc' }))).to.equal(undefined)
  })
})
