import { expect } from 'chai'
import { type LingeringLink, LingeringSockets } from '../../lib/clients/lingering-sockets.ts'

class FakeLink implements LingeringLink {
  readonly cost: number
  readonly calls: string[] = []
  gone = () => {}

  constructor(cost: number) {
    this.cost = cost
  }

  whenGone(callback: () => void): void {
    this.gone = callback
  }

  terminate(): void {
    this.calls.push('terminate')
    this.gone()
  }

  detach(): void {
    this.calls.push('detach')
  }
}

describe('LingeringSockets', () => {
  let gone: number
  let lingering: LingeringSockets

  beforeEach(() => {
    gone = 0
    lingering = new LingeringSockets(() => gone++)
  })

  it('stay until their kernel sockets have gone', () => {
    const link = new FakeLink(0)
    lingering.add(link)
    expect(lingering.size).to.equal(1)
    link.gone()
    expect(lingering.size).to.equal(0)
    expect(gone).to.equal(1)
  })

  it('are terminated to free memory, if any is held for them', () => {
    const [light, heavy, heavier] = [new FakeLink(0), new FakeLink(100), new FakeLink(200)]
    for (const link of [light, heavy, heavier]) lingering.add(link)
    expect(lingering.free()).to.equal(300)
    expect(light.calls).to.deep.equal([])
    expect(heavy.calls).to.deep.equal(['terminate'])
    expect(lingering.size).to.equal(1)
    expect(lingering.free()).to.equal(0)
  })

  it('are all terminated at the end of a shutdown, and only forgotten otherwise', () => {
    const [one, other] = [new FakeLink(0), new FakeLink(0)]
    lingering.add(one)
    lingering.terminateAll()
    expect(one.calls).to.deep.equal(['terminate'])
    lingering.add(other)
    lingering.close()
    expect(other.calls).to.deep.equal(['detach'])
    expect(lingering.size).to.equal(0)
  })
})
