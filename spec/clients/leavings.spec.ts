import { expect } from 'chai'
import type { ClosingCode } from '../../lib/base/outcomes.ts'
import type { Client } from '../../lib/clients/client.ts'
import type { ClientsHost } from '../../lib/clients/clients-host.ts'
import { Leavings } from '../../lib/clients/leavings.ts'
import { Leniency } from '../../lib/clients/leniency.ts'
import { ClosedClients } from '../../lib/telemetry/closed-clients.ts'
import type { Reporter } from '../../lib/telemetry/reporter.ts'
import { fakeClock } from '../support/fakes/fake-clock.ts'

const MINUTE = 60_000

function setUp() {
  const clock = fakeClock()
  const history = new ClosedClients(10)
  /** What the surroundings were told, in that order. */
  const log: string[] = []
  let waiting = false
  const host = {
    gone: ({ id }: { id: string }) => log.push(`gone ${id}`),
    broadcasts: {
      waiting: () => waiting,
      abandon: ({ id }: Client) => log.push(`abandon ${id}`),
    },
    closed: (code: ClosingCode) => log.push(`closed ${code}`),
    overBudget: (_handshake: object, { id }: Client) => log.push(`over budget ${id}`),
  } as unknown as ClientsHost
  const reporter = {
    closed: ({ id }: Client, { state }: { state: string }) => log.push(`report ${id} ${state}`),
    closedOnConnecting: ({ id }: Client) => log.push(`lenient ${id}`),
  } as unknown as Reporter
  const told = () => log.push('told')
  const leniency = new Leniency()
  const leavings = new Leavings({ host, clock, history, reporter, leniency, told })
  /** A client that connects now, and why it was closed, if it was. */
  const client = (id: string, code?: ClosingCode): Client => {
    const conn = { id, remoteAddress: '10.0.0.1', request: { headers: {} } }
    const none = { messages: 0, bytes: 0 }
    const undelivered = { messages: 2, bytes: 300 }
    const standing = {
      id,
      link: { transport: 'fake', conn },
      connectedAt: clock.now(),
      critical: none,
      cosmetic: none,
      state: () => 'blocked',
      closed() {
        standing.state = () => 'closed'
        return { code, undelivered, inFlight: 50, sockets: [] }
      },
    }
    return standing as unknown as Client
  }
  const wait = () => {
    waiting = true
  }
  return { clock, history, host, log, leavings, leniency, client, wait }
}

const nextTick = () => new Promise<void>((resolve) => process.nextTick(resolve))

describe('Leavings', () => {
  it('tells of all of a tick together, after Socket.IO has noticed that they are gone', async () => {
    const { leavings, client, log } = setUp()
    leavings.add(client('a', 'stalled'))
    leavings.add(client('b', 'stalled'))
    expect([leavings.size, log.length]).to.deep.equal([2, 0])
    await nextTick()
    expect(log).to.deep.equal([
      'gone a',
      'gone b',
      'closed stalled',
      'report a blocked',
      'closed stalled',
      'report b blocked',
      'told',
    ])
    expect(leavings.size).to.equal(0)
  })

  it('remembers how long a client was connected, and what it had not received', async () => {
    const { leavings, client, history, clock } = setUp()
    const leaving = client('a', 'stalled')
    clock.advance(500)
    leavings.add(leaving)
    clock.advance(100)
    await nextTick()
    const [closed] = history.latest()
    expect(closed).to.deep.include({
      id: 'a',
      address: '10.0.0.1',
      code: 'stalled',
      at: new Date(clock.wall()).toISOString(),
      connectedFor: 500,
      undelivered: { messages: 2, bytes: 300 },
      inFlight: 50,
    })
  })

  it('tells nothing of a client that left by itself, with nothing queued', async () => {
    const { leavings, client, log, history } = setUp()
    leavings.add(client('a'))
    await nextTick()
    expect(log).to.deep.equal(['gone a', 'told'])
    expect(history.latest()).to.deep.equal([])
  })

  it('settles the share of a client in broadcasts that wait, before anything is told', async () => {
    const { leavings, client, log, wait } = setUp()
    wait()
    leavings.add(client('a', 'stalled'))
    await nextTick()
    expect(log.slice(0, 3)).to.deep.equal(['gone a', 'abandon a', 'closed stalled'])
  })

  it('tells of clients that a listener closes meanwhile, each once', async () => {
    const { leavings, client, log, host } = setUp()
    const { closed } = host
    host.closed = (code, left) => {
      closed(code, left)
      host.closed = closed
      leavings.add(client('b', 'budget'))
    }
    leavings.add(client('a', 'stalled'))
    await nextTick()
    const first = ['gone a', 'closed stalled', 'report a blocked', 'told']
    const second = ['gone b', 'closed budget', 'report b blocked', 'over budget b', 'told']
    expect(log).to.deep.equal([...first, ...second])
  })

  it('tells of a closing for the budget soon after the connect alone: it is for admission', async () => {
    const { leavings, client, log, clock } = setUp()
    leavings.add(client('stalled', 'stalled'))
    const late = client('late', 'budget')
    clock.advance(MINUTE)
    leavings.add(late)
    leavings.add(client('early', 'budget'))
    await nextTick()
    expect(log.filter((line) => line.startsWith('over'))).to.deep.equal(['over budget early'])
  })

  it('gives an address longer that was sent too much on connecting, and reports that once', async () => {
    const { leavings, client, log, leniency, clock } = setUp()
    const factors: number[] = []
    for (const code of ['stalled', 'emergency', 'over-limit'] as const) {
      leavings.add(client(code, code))
      await nextTick()
      factors.push(leniency.factor('10.0.0.1', clock.now()))
      clock.advance(2000)
    }
    expect(factors).to.deep.equal([1, 2, 4])
    expect(log.filter((line) => line.startsWith('lenient'))).to.deep.equal(['lenient emergency'])
  })
})
