import { expect } from 'chai'
import { Owners } from '../../lib/channel/owners.ts'
import { HeldBytes } from '../../lib/message/held-bytes.ts'
import { LEFT_SOCKET } from '../../lib/message/memory-costs.ts'
import type { NamespaceSocket } from '../../lib/telemetry/client-identity.ts'

function socket(id: string): NamespaceSocket {
  return { id, nsp: { name: '/' }, connected: true, rooms: new Set() }
}

function setUp() {
  const heldBytes = new HeldBytes()
  return { heldBytes, owners: new Owners(heldBytes), first: socket('a'), second: socket('b') }
}

describe('Owners', () => {
  it('has one owner a socket, in whatever order the sockets are asked for', () => {
    const { owners, first, second } = setUp()
    const owner = owners.of(first)
    expect(owner.socket).to.equal(first)
    expect(owners.of(first)).to.equal(owner)
    expect(owners.of(second).socket).to.equal(second)
    expect(owners.of(first)).to.equal(owner)
  })

  it('costs nothing while the sockets are connected, whatever waits for them', () => {
    const { owners, first, heldBytes } = setUp()
    for (let n = 0; n < 3; n++) owners.of(first).add()
    expect([owners.cost, heldBytes.bytes]).to.deep.equal([0, 0])
  })

  it('costs one socket from when it leaves until its last message has left the queue', () => {
    const { owners, first, heldBytes } = setUp()
    const owner = owners.of(first)
    owner.add()
    owner.add()
    owners.left(first)
    expect([owners.cost, heldBytes.bytes]).to.deep.equal([LEFT_SOCKET, LEFT_SOCKET])
    owner.remove()
    expect(owners.cost, 'one message waits').to.equal(LEFT_SOCKET)
    owner.remove()
    expect([owners.cost, heldBytes.bytes]).to.deep.equal([0, 0])
  })

  it('costs nothing for a socket that leaves with nothing queued, or that it has never seen', () => {
    const { owners, first, second } = setUp()
    const owner = owners.of(first)
    owner.add()
    owner.remove()
    owners.left(first)
    owners.left(second)
    expect(owners.cost).to.equal(0)
  })

  it('costs a socket that has left once, also where its messages move from lane to lane', () => {
    const { owners, first } = setUp()
    const owner = owners.of(first)
    owner.add()
    owners.left(first)
    owners.left(first)
    owner.leave()
    owner.remove()
    expect(owners.cost, 'between the lanes').to.equal(0)
    owner.add()
    expect(owners.cost, 'in the other lane').to.equal(LEFT_SOCKET)
  })

  it('forgets a socket that has left', () => {
    const { owners, first, second } = setUp()
    const [latest, other] = [owners.of(second), owners.of(first)]
    owners.left(first)
    owners.left(second)
    expect(owners.of(first)).to.not.equal(other)
    expect(owners.of(second)).to.not.equal(latest)
  })
})
