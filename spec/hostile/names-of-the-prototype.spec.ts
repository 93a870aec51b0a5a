import { expect } from 'chai'
import type { FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import { Server, type Socket } from 'socket.io'
import { z } from 'zod'
import type { ClosedSummary, ShedSummary } from '../../lib/index.ts'
import type { MessageMap } from '../../schemas/events.ts'
import { cosmetic, critical } from '../../schemas/priority.ts'
import type { ClientStats } from '../../schemas/stats.ts'
import { starve } from '../support/clients/flood.ts'
import { pad } from '../support/messages.ts'
import { parseExposition } from '../support/prometheus/exposition.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import {
  eventually,
  type Fixture,
  type RawClient,
  ROOMY,
  startServer,
} from '../support/servers/server.ts'

const NAMES = [...Object.getOwnPropertyNames(Object.prototype), 'prototype', 'then', 'length']
const payload = () => z.object({ n: z.number(), key: z.string(), pad: z.string().optional() })

/** An object with these names as its own keys, `__proto__` too. */
function byName<T>(make: (name: string) => T): Record<string, T> {
  return Object.fromEntries(NAMES.map((name) => [name, make(name)]))
}

const cosmetics = (): MessageMap =>
  byName(() => cosmetic(payload(), { conflateBy: 'key', maxAge: 60_000 }))

describe('Names that every object inherits', () => {
  let fixture: Fixture
  afterEach(() => fixture.close())

  /** Every name as an event, a room and a namespace. */
  async function emitAll(): Promise<Record<string, string[]>> {
    const { io } = fixture
    const clients: Record<string, RawClient> = {}
    for (const namespace of ['/', ...NAMES.map((name) => `/${name}`)]) {
      io.of(namespace).on('connection', (socket: Socket) => socket.join(NAMES))
      clients[namespace] = await fixture.raw({ namespace })
    }
    for (const namespace of Object.keys(clients)) {
      for (const [n, name] of NAMES.entries()) io.of(namespace).emit(name, { n, key: name })
      for (const [n, name] of NAMES.entries()) io.of(namespace).to(name).emit('room', { n, name })
      io.of(namespace).emit('last')
    }
    const received = Object.entries(clients).map(async ([namespace, client]) => {
      await client.until(() => client.events.includes('last'))
      return [namespace, client.frames.slice(2).map(String)]
    })
    return Object.fromEntries(await Promise.all(received))
  }

  it('are sent as without the plugin: unannotated, critical, cosmetic, as a room and a namespace', async () => {
    fixture = await startServer('plain')
    const plain = await emitAll()
    expect(Object.keys(plain)).to.have.length(NAMES.length + 1)
    await fixture.close()
    const maps = [{}, byName(() => critical(payload())), cosmetics()]
    for (const map of maps) {
      const namespaces = Object.fromEntries(NAMES.map((name) => [name, map]))
      fixture = await startServer({ messages: map, namespaces, watermarks: ROOMY })
      expect(await emitAll()).to.deep.equal(plain)
      await fixture.close()
    }
  })

  it('are annotated events as any other, by name and by namespace', async () => {
    const namespaces = byName(() => ({ state: critical(payload()), ...cosmetics() }))
    fixture = await startServer({ messages: cosmetics(), namespaces, watermarks: ROOMY })
    await emitAll()
    const { events } = fixture.spillway!.stats()
    for (const namespace of ['/', ...NAMES.map((name) => `/${name}`)]) {
      for (const event of NAMES) {
        const counts = events.find(
          (each) =>
            each.event === event && each.namespace === namespace && each.class === 'cosmetic',
        )
        expect(counts?.sent.messages, `${event} in ${namespace}`).to.equal(1)
      }
    }
    expect(events.filter(({ invalid }) => invalid > 0)).to.deep.equal([])
  })

  it('are keys of conflation as any other, and tallied by event in what is told of it', async () => {
    const sheds: ShedSummary[] = []
    const closings: ClosedSummary[] = []
    fixture = await startServer({
      messages: cosmetics(),
      watermarks: ROOMY,
      onShed: (_: unknown, summary: ShedSummary) => void sheds.push(summary),
      onClosed: (_: unknown, summary: ClosedSummary) => void closings.push(summary),
    })
    const { io, spillway } = fixture
    const client = await fixture.raw()
    starve(fixture, client)
    for (let n = 0; n < 3; n++) {
      for (const event of NAMES) {
        for (const key of NAMES) io.emit(event, { n, key })
      }
    }
    const [{ id }] = [...spillway!.clients()] as ClientStats[] as [ClientStats]
    expect(spillway!.queue(id, 1000)!.messages).to.have.length(NAMES.length ** 2)
    client.resume()
    await eventually(() => sheds.length === 1)
    const twice = Object.fromEntries(NAMES.map((name) => [name, 2 * NAMES.length]))
    expect(sheds[0]!.events).to.deep.equal(twice)
    expect(Object.keys(sheds[0]!.events)).to.have.members(NAMES)
    starve(fixture, client)
    for (const event of NAMES) io.emit(event, { n: 0, key: event })
    spillway!.terminate(id)
    await eventually(() => closings.length === 1)
    expect(Object.keys(closings[0]!.events)).to.include.members(NAMES)
  })

  it('are no key of a payload that does not have them', async () => {
    const open = () => z.looseObject({ n: z.number() })
    const faults: string[] = []
    const entries = NAMES.map((name) => [`by ${name}`, cosmetic(open(), { conflateBy: name })])
    fixture = await startServer({ messages: Object.fromEntries(entries), watermarks: ROOMY })
    fixture.spillway!.events.on('fault', (where) => faults.push(where))
    const client = await fixture.raw()
    starve(fixture, client)
    for (let n = 0; n < 2; n++) for (const name of NAMES) fixture.io.emit(`by ${name}`, { n })
    const [{ id }] = [...fixture.spillway!.clients()] as ClientStats[] as [ClientStats]
    expect(fixture.spillway!.queue(id, 1000)!.messages).to.have.length(2 * NAMES.length)
    client.resume()
    await client.until(() => client.received(`by ${NAMES.at(-1)}`).length === 2)
    expect(faults).to.deep.equal([])
  })

  describe('at the admin routes', () => {
    let app: AppFixture
    const registry = new Registry()

    beforeEach(async () => {
      const prepare = (instance: FastifyInstance) => {
        const io = new Server(instance.server)
        io.on('connection', (socket) => socket.join(NAMES))
        for (const name of NAMES) io.of(`/${name}`)
        instance.decorate('io', io)
        instance.addHook('onClose', () => io.close())
      }
      app = await startApp(
        { messages: cosmetics(), metrics: { registry }, admin: { auth: false } },
        prepare,
      )
      fixture = app
    })

    const totalOf = async (query: string) => {
      const response = await fetch(`${app.url}/spillway/clients?${query}`)
      return ((await response.json()) as { total: number }).total
    }

    it('are rooms and namespaces that clients can be listed by', async () => {
      await app.raw()
      for (const name of NAMES) {
        const client = await app.raw({ namespace: `/${name}` })
        const query = new URLSearchParams({ namespace: `/${name}` })
        expect(await totalOf(`${query}`), name).to.equal(1)
        client.close()
        expect(await totalOf(`${new URLSearchParams({ room: name })}`), name).to.equal(1)
        expect((await app.spillway!.list({ room: name })).total).to.equal(1)
      }
      expect(await totalOf('room=nobody')).to.equal(0)
    })

    it('are refused as keys of a query and a body, as any other that is unknown', async () => {
      for (const name of NAMES) {
        const response = await fetch(`${app.url}/spillway/clients?${name}=1`)
        expect(response.status, name).to.equal(400)
        expect(((await response.json()) as { message: string }).message).to.include(`query.${name}`)
      }
    })

    it('are ids of nobody', async () => {
      for (const name of NAMES) {
        expect((await fetch(`${app.url}/spillway/clients/${name}`)).status, name).to.equal(404)
        expect(app.spillway!.client(name)).to.equal(undefined)
      }
    })

    it('are labels of metrics', async () => {
      const client = await app.raw()
      for (const [n, name] of NAMES.entries()) app.io.emit(name, { n, key: name, pad })
      // what is critical would overtake those that wait
      await client.until(() => NAMES.every((name) => client.events.includes(name)))
      const told = parseExposition(await registry.metrics())
      for (const event of NAMES) {
        const labels = { namespace: '/', event, class: 'cosmetic', outcome: 'sent' }
        expect(told.value('spillway_messages_total', labels), event).to.equal(1)
      }
    })
  })
})
