import { expect } from 'chai'
import { SocketIndex } from '../../lib/intercept/socket-index.ts'

interface Socket {
  readonly id: string
  readonly nsp: { readonly name: string }
}

/** A server of so many namespaces, with a socket in each; counts what is looked through. */
function server(count: number) {
  let asked = 0
  const namespaces = new Map<string, { readonly sockets: Map<string, Socket> }>()
  const index = new SocketIndex<Socket>(() => namespaces)
  const join = (namespace: string, id: string) => {
    const socket = { id, nsp: { name: namespace } }
    let found = namespaces.get(namespace)
    if (!found) {
      const sockets = new Map<string, Socket>()
      const { get } = sockets
      sockets.get = (each) => {
        asked++
        return get.call(sockets, each)
      }
      found = { sockets }
      namespaces.set(namespace, found)
    }
    found.sockets.set(id, socket)
    index.joined(socket)
    return socket
  }
  const sockets = Array.from({ length: count }, (_, n) => join(`/room-${n}`, `id-${n}`))
  const cost = (run: () => void) => {
    const before = asked
    run()
    return asked - before
  }
  return { namespaces, index, join, sockets, cost }
}

describe('SocketIndex', () => {
  for (const count of [1, 16, 17, 3000]) {
    it(`finds each socket of ${count} namespaces, and none that is not there`, () => {
      const { index, sockets } = server(count)
      for (const socket of sockets) expect(index.find(socket.id)).to.equal(socket)
      expect(index.find('another')).to.equal(undefined)
    })

    it(`finds who comes later, and nobody who has left, in ${count} namespaces`, () => {
      const { index, sockets, join, namespaces } = server(count)
      index.find('any')
      const late = join('/late', 'late')
      expect(index.find('late')).to.equal(late)
      namespaces.get('/late')!.sockets.delete('late')
      expect(index.find('late')).to.equal(undefined)
      namespaces.delete(sockets[0]!.nsp.name)
      expect(index.find(sockets[0]!.id)).to.equal(undefined)
    })
  }

  it('asks no more namespaces however many there are', () => {
    const { index, cost } = server(3000)
    index.find('any')
    expect(cost(() => index.find('id-2999'))).to.equal(1)
  })

  it('forgets who has left before it doubles', () => {
    const { index, join, namespaces, cost } = server(17)
    index.find('any')
    for (let n = 0; n < 10_000; n++) {
      join('/busy', `visitor-${n}`)
      namespaces.get('/busy')!.sockets.delete(`visitor-${n}`)
    }
    // it looks through 256 of them at most
    expect(cost(() => join('/busy', 'last'))).to.be.at.most(257)
    expect(index.find('last')?.id).to.equal('last')
  })

  it('finds nobody in a server that has no namespaces', () => {
    expect(new SocketIndex<Socket>(() => undefined).find('any')).to.equal(undefined)
  })
})
