import { expect } from 'chai'
import { Server } from 'socket.io'
import { z } from 'zod'
import { attach } from '../../lib/attach.ts'
import { CompiledMessages } from '../../lib/classify/compiled-messages.ts'
import type { NamespaceMap } from '../../schemas/events.ts'
import { cosmetic, critical } from '../../schemas/priority.ts'
import { classesOf } from '../support/classes.ts'
import { expectRefusal, refusalOf } from '../support/refusals.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'

const text = () => z.string()

describe('CompiledMessages', () => {
  const refused = (messages: Record<string, z.ZodType>, namespaces: NamespaceMap = {}) =>
    refusalOf(() => attach(new Server(), { messages, namespaces }))

  describe('reserved events', () => {
    const RESERVED = [
      'connect',
      'connect_error',
      'disconnect',
      'disconnecting',
      'newListener',
      'removeListener',
    ]
    for (const event of RESERVED) {
      const given = 'an event name that Socket.IO keeps for itself'
      const allowed = `any event name but ${RESERVED.join(', ')}`

      it(`refuses ${event}, which Socket.IO refuses to emit`, () => {
        expect(() => new Server().emit(event)).to.throw(`"${event}" is a reserved event name`)
        const code = 'SPILLWAY_RESERVED_EVENT'
        const schema = critical(text())
        const main = refused({ [event]: schema })
        expectRefusal(main, code, `messages["${event}"]`, given, allowed)
        const other = refused({}, { '/lobby': { [event]: schema } })
        expectRefusal(other, code, `namespaces["/lobby"]["${event}"]`, given, allowed)
        const pattern = refused({}, new Map([[/^\/t/, { [event]: schema }]]))
        expectRefusal(pattern, code, `namespaces["/^\\\\/t/"]["${event}"]`, given, allowed)
      })
    }

    it('takes names that only look like them, and any text', () => {
      const names = ['error', 'Connect', 'constructor', 'toString', '', ' ', '"', 'x'.repeat(1000)]
      const messages = Object.fromEntries(names.map((name) => [name, critical(text())]))
      const compiled = new CompiledMessages(messages, {})
      for (const name of names) expect(compiled.find('/', name), name).to.not.equal(undefined)
      expect(compiled.find('/', 'valueOf')).to.equal(undefined)
    })
  })

  describe('two schemas for one event', () => {
    const allowed = 'one schema an event and namespace'

    it('are refused in `messages` and in the main namespace', () => {
      for (const name of ['/', '']) {
        const refusal = refused({ win: critical(text()) }, { [name]: { win: critical(text()) } })
        const given = 'a second schema for this event of /'
        const path = `namespaces["${name}"]["win"]`
        expectRefusal(refusal, 'SPILLWAY_DUPLICATE_EVENT', path, given, allowed)
      }
    })

    it('are refused in two names of one namespace', () => {
      const given = 'a second schema for this event of /lobby'
      const maps: NamespaceMap[] = [
        { lobby: { win: critical(text()) }, '/lobby': { win: cosmetic(text()) } },
        new Map([
          ['lobby', { win: critical(text()) }],
          ['/lobby', { win: critical(text()) }],
        ]),
      ]
      for (const namespaces of maps) {
        const refusal = refused({}, namespaces)
        const path = 'namespaces["/lobby"]["win"]'
        expectRefusal(refusal, 'SPILLWAY_DUPLICATE_EVENT', path, given, allowed)
      }
    })

    it('are fine in two namespaces, and one schema in both', () => {
      const schema = critical(text())
      const namespaces = { '/': { lose: schema }, lobby: { win: schema }, '/bar': { win: schema } }
      const compiled = new CompiledMessages({ win: cosmetic(text()) }, namespaces)
      const found = ['/', '/lobby', '/bar'].map((name) => compiled.find(name, 'win'))
      expect(new Set(found).size).to.equal(3)
      expect(found[1]?.schema).to.equal(found[2]?.schema)
      expect(compiled.find('/', 'lose')).to.not.equal(undefined)
    })
  })

  describe('#find', () => {
    const TABLE = /^\/table-\d+$/
    const ANY = /^\/t/
    const compiled = new CompiledMessages(
      { win: critical(text()) },
      new Map<string | RegExp, Record<string, z.ZodType>>([
        ['lobby', { hello: critical(text()) }],
        ['/table-1', { first: critical(text()) }],
        [TABLE, { hand: critical(text()) }],
        [ANY, { hand: cosmetic(text()), tip: critical(text()) }],
      ]),
    )
    const labelOf = (namespace: string, event: unknown) =>
      compiled.find(namespace, event)?.critical.namespace

    it('looks in the map of the namespace, with or without its slash', () => {
      expect(labelOf('/', 'win')).to.equal('/')
      expect(labelOf('/lobby', 'hello')).to.equal('/lobby')
      expect(labelOf('/lobby', 'win')).to.equal(undefined)
      expect(labelOf('/', 'hello')).to.equal(undefined)
    })

    it('prefers the exact name, then the first pattern that matches', () => {
      expect(labelOf('/table-1', 'first')).to.equal('/table-1')
      expect(labelOf('/table-1', 'hand')).to.equal(undefined)
      expect(labelOf('/table-2', 'hand')).to.equal(String(TABLE))
      expect(labelOf('/table-2', 'tip')).to.equal(undefined)
      expect(labelOf('/tea', 'tip')).to.equal(String(ANY))
      expect(labelOf('/bar', 'tip')).to.equal(undefined)
      expect(labelOf('/table-2', 'hand'), 'asked again').to.equal(String(TABLE))
    })

    it('knows no event whose name is no text', () => {
      for (const event of [undefined, null, 1, Symbol('win'), {}, ['win']]) {
        expect(labelOf('/', event)).to.equal(undefined)
      }
    })

    it('asks a pattern once a namespace, and remembers a bounded number of them', () => {
      let asked = 0
      const counting = new (class extends RegExp {
        override test(name: string): boolean {
          asked++
          return super.test(name)
        }
      })('^/t')
      const counted = new CompiledMessages({}, new Map([[counting, { a: critical(text()) }]]))
      const ask = (name: string) => counted.find(name, 'a')
      for (let turn = 0; turn < 3; turn++) for (let n = 0; n < 1000; n++) ask(`/t${n}`)
      expect(asked).to.equal(1000)
      for (let n = 1000; n < 1500; n++) expect(ask(`/t${n}`)).to.not.equal(undefined)
      ask('/t0')
      expect(asked, 'forgot /t0').to.equal(1501)
    })
  })

  describe('over the wire', () => {
    let fixture: Fixture
    afterEach(() => fixture.close())

    it('classifies each namespace by its own map', async () => {
      fixture = await startServer({
        messages: { hand: critical(text()) },
        namespaces: new Map<string | RegExp, Record<string, z.ZodType>>([
          ['lobby', { hand: cosmetic(text()) }],
          [/^\/table-\d+$/, { hand: cosmetic(text()), won: critical(text()) }],
        ]),
      })
      const { io } = fixture
      io.of('/lobby')
      io.of(/^\/t/)
      const client = await fixture.raw()
      for (const name of ['/lobby', '/table-7', '/tea']) await client.join(name)
      const sent = await classesOf(fixture, async () => {
        for (const name of ['/', '/lobby', '/table-7', '/tea']) io.of(name).emit('hand', 'x')
        io.of('/table-7').emit('won', 'x')
        await client.until(() => client.events.length === 5)
      })
      expect(sent).to.have.members([
        '/ hand critical',
        '/lobby hand cosmetic',
        '/^\\/table-\\d+$/ hand cosmetic',
        '/^\\/table-\\d+$/ won critical',
        'other other critical',
      ])
    })
  })
})
