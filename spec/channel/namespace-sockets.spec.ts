import { expect } from 'chai'
import { NamespaceSockets } from '../../lib/channel/namespace-sockets.ts'
import type { NamespaceSocket } from '../../lib/telemetry/client-identity.ts'

/** How often anybody asked any socket whether it is connected. */
let asked = 0

class FakeSocket implements NamespaceSocket {
  readonly id: string
  readonly nsp: { readonly name: string }
  readonly rooms = new Set<string>()
  #connected = true

  constructor(name: string, id = name) {
    this.id = id
    this.nsp = { name }
  }

  get connected(): boolean {
    asked++
    return this.#connected
  }

  leave(): void {
    this.#connected = false
  }
}

describe('NamespaceSockets', () => {
  const MANY = 10_000
  let sockets: NamespaceSockets
  let left: NamespaceSocket[]
  const listener = { left: (socket: NamespaceSocket) => left.push(socket) }

  const join = (name: string, id?: string) => {
    const socket = new FakeSocket(name, id)
    sockets.join(socket, listener)
    return socket
  }

  beforeEach(() => {
    sockets = new NamespaceSockets()
    left = []
    asked = 0
  })

  it('finds the socket of a namespace, of one and of several', () => {
    expect(sockets.in('/')).to.equal(undefined)
    const main = join('/')
    expect(sockets.in('/')).to.equal(main)
    expect(sockets.in('/game')).to.equal(undefined)
    const game = join('/game')
    expect([sockets.in('/'), sockets.in('/game')]).to.deep.equal([main, game])
    expect([...sockets]).to.deep.equal([main, game])
    expect(left).to.deep.equal([])
  })

  it('replaces the one that was in the namespace before, and tells of it', () => {
    for (const others of [[], ['/a', '/b']]) {
      for (const name of others) join(name)
      const first = join('/')
      first.leave()
      const second = join('/', 'second')
      expect(sockets.in('/')).to.equal(second)
      expect(sockets.has(first)).to.equal(false)
      expect(left).to.deep.equal([first])
      sockets = new NamespaceSockets()
      left = []
    }
  })

  it('asks each a few times only, however many namespaces are joined', () => {
    for (let n = 0; n < MANY; n++) join(`/${n}`)
    expect(sockets.size).to.equal(MANY)
    expect(asked).to.be.below(4 * MANY)
  })

  it('keeps few of those that have left, and asks each a few times only', () => {
    let most = 0
    for (let n = 0; n < MANY; n++) {
      join(`/${n}`).leave()
      most = Math.max(most, sockets.size)
    }
    expect(most).to.be.below(20)
    expect(left.length).to.be.greaterThan(MANY - 20)
    expect(asked).to.be.below(4 * MANY)
  })

  it('asks those that have left once, however often it is asked whether any is connected', () => {
    const all = Array.from({ length: MANY }, (_, n) => join(`/${n}`))
    for (const socket of all) socket.leave()
    const last = join('/last')
    asked = 0
    for (let n = 0; n < MANY; n++) expect(sockets.anyConnected(listener)).to.equal(true)
    expect(asked).to.be.below(4 * MANY)
    last.leave()
    expect(sockets.anyConnected(listener)).to.equal(false)
    expect(sockets.size).to.equal(0)
  })
})
