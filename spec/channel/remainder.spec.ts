import { expect } from 'chai'
import { NamespaceSockets } from '../../lib/channel/namespace-sockets.ts'
import { remainderOf } from '../../lib/channel/remainder.ts'
import { Undelivered } from '../../lib/telemetry/undelivered.ts'
import { DeliveryWindow } from '../../lib/window/delivery-window.ts'
import { envelope } from '../support/fakes/envelopes.ts'

function socketIn(name: string, connected = true) {
  return { id: name, nsp: { name }, connected, rooms: new Set<string>() }
}

function socketsOf(...all: ReturnType<typeof socketIn>[]): NamespaceSockets {
  const sockets = new NamespaceSockets()
  for (const each of all) sockets.join(each, undefined)
  return sockets
}

describe('remainderOf', () => {
  it('names the sockets of a client, and those that had left with something undelivered', () => {
    const [main, game] = [socketIn('/'), socketIn('/game', false)]
    const undelivered = new Undelivered()
    undelivered.count(envelope(), game)
    undelivered.count(envelope(), '/nobody')
    undelivered.count(envelope(), main)
    const { sockets } = remainderOf(
      socketsOf(main),
      undelivered,
      'gone',
      false,
      new DeliveryWindow(),
    )
    expect(sockets).to.deep.equal([
      { socket: game, stayed: false },
      { socket: main, stayed: true },
    ])
  })

  it('says of whom the library closed that they have stayed', () => {
    const left = socketIn('/', false)
    const stayed = (terminated: boolean) =>
      remainderOf(socketsOf(left), new Undelivered(), 'stalled', terminated, new DeliveryWindow())
        .sockets[0]!.stayed
    expect([true, false].map(stayed)).to.deep.equal([true, false])
  })

  it('has no code for who has everything and only did not answer a shutdown in time', () => {
    const window = new DeliveryWindow()
    const code = () =>
      remainderOf(new NamespaceSockets(), new Undelivered(), 'shutdown', true, window).code
    expect(code()).to.equal(undefined)
    window.written(100, 0)
    expect(code()).to.equal('shutdown')
  })

  it('does not tell what is in flight to a client that answers no markers', () => {
    const window = new DeliveryWindow()
    window.written(100, 0)
    const inFlight = () =>
      remainderOf(new NamespaceSockets(), new Undelivered(), 'gone', false, window).inFlight
    expect(inFlight()).to.equal(100)
    window.blind = true
    expect(inFlight()).to.equal(null)
  })
})
