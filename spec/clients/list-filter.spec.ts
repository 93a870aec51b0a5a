import { expect } from 'chai'
import type { Channel } from '../../lib/channel/channel.ts'
import { isListed } from '../../lib/clients/list-filter.ts'
import type { ListQuery } from '../../schemas/stats.ts'

type Rooms = Readonly<Record<string, readonly string[]>>

/** As much of a client as a filter looks at: its condition, and its rooms by namespace. */
function client(
  condition: { congested?: boolean; losing?: boolean; state?: string },
  rooms: Rooms,
) {
  const sockets = new Map(
    Object.entries(rooms).map(([namespace, names]) => [namespace, { rooms: new Set(names) }]),
  )
  return {
    congested: condition.congested ?? false,
    isLosing: () => condition.losing ?? false,
    state: () => condition.state ?? 'ready',
    sockets: {
      connectedIn: (namespace: string) => sockets.get(namespace),
      connected: () => sockets.values(),
    },
  } as unknown as Channel
}

const lists = (channel: Channel, query: Partial<ListQuery>) =>
  isListed(channel, { sort: 'buffered', limit: 50, ...query }, 0)

describe('isListed', () => {
  it('lists everyone where nothing is asked for, also a client without a namespace', () => {
    expect(lists(client({}, {}), {})).to.equal(true)
  })

  it('tells yes from no and from not asked', () => {
    for (const name of ['congested', 'losing'] as const) {
      for (const value of [true, false]) {
        const one = client({ [name]: value }, {})
        expect(lists(one, { [name]: true }), `${name} ${value}, asked for`).to.equal(value)
        expect(lists(one, { [name]: false }), `${name} ${value}, excluded`).to.equal(!value)
      }
    }
  })

  it('lists those in a state', () => {
    const blocked = client({ state: 'blocked' }, {})
    expect(lists(blocked, { state: 'blocked' })).to.equal(true)
    expect(lists(blocked, { state: 'ready' })).to.equal(false)
  })

  it('lists those with a socket in a namespace', () => {
    const one = client({}, { '/chat': [] })
    expect(lists(one, { namespace: '/chat' })).to.equal(true)
    expect(lists(one, { namespace: '/' })).to.equal(false)
  })

  it('looks for a room in all namespaces, or in the one that is named', () => {
    const one = client({}, { '/': ['lobby'], '/chat': ['table 1'] })
    expect(lists(one, { room: 'lobby' })).to.equal(true)
    expect(lists(one, { room: 'table 1' })).to.equal(true)
    expect(lists(one, { room: 'table 2' })).to.equal(false)
    expect(lists(one, { room: 'table 1', namespace: '/chat' })).to.equal(true)
    expect(lists(one, { room: 'table 1', namespace: '/' })).to.equal(false)
  })

  it('lists only whoever matches all that is asked for', () => {
    const one = client({ congested: true, losing: true, state: 'windowed' }, { '/': ['lobby'] })
    const query = { congested: true, losing: true, state: 'windowed', room: 'lobby' } as const
    expect(lists(one, query)).to.equal(true)
    const others = [{ congested: false }, { losing: false }, { state: 'ready' }, { room: 'a' }]
    for (const other of others as Array<Partial<ListQuery>>) {
      expect(lists(one, { ...query, ...other }), JSON.stringify(other)).to.equal(false)
    }
  })
})
