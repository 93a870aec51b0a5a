import { expect } from 'chai'
import { messages, pad } from '../support/messages.ts'
import { connectionOf, pollElsewhere, upgradeElsewhere } from '../support/servers/elsewhere.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

/** As @socket.io/cluster-engine does: the nodes of a cluster share sessions, without stickiness. */
describe('A session that another node has a part of', () => {
  const open: Fixture[] = []

  afterEach(async () => {
    for (const fixture of open.splice(0)) await fixture.close()
  })

  async function start(options: 'plain' | object): Promise<Fixture> {
    const fixture = await startServer(options)
    open.push(fixture)
    return fixture
  }

  const withPlugin = { messages, stallAfter: 100, grace: 0 }
  const client = ({ spillway }: Fixture) => [...spillway!.clients()][0]!

  /** A session by polling; its first poll was answered here. */
  async function polls({ url }: Fixture) {
    const poll = `${url}/socket.io/?EIO=4&transport=polling`
    const { sid } = JSON.parse((await (await fetch(poll)).text()).slice(1))
    await fetch(`${poll}&sid=${sid}`, { method: 'POST', body: '40' })
    await (await fetch(`${poll}&sid=${sid}`)).text()
    return `${poll}&sid=${sid}`
  }

  it('is sent by polls there what it is sent without the plugin, and is never stalled', async () => {
    for (const options of ['plain', withPlugin] as const) {
      const fixture = await start(options)
      await polls(fixture)
      const conn = connectionOf(fixture)
      const got: string[] = []
      const texts = []
      for (let n = 0; n < 100; n++) {
        texts.push(`2["jackpot:won",${JSON.stringify({ n, pad })}]`)
        fixture.io.emit('jackpot:won', { n, pad })
        if (n % 10 === 9) got.push(...(await pollElsewhere(conn)))
      }
      // what had no room
      while (got.length < 100) got.push(...(await pollElsewhere(conn)))
      expect(got).to.deep.equal(texts)
      if (options === 'plain') continue
      expect(client(fixture)).to.include({ state: 'blind', buffered: 0, closesIn: null })
    }
  })

  it('is heard there, though nothing was waiting for its poll', async () => {
    const fixture = await start(withPlugin)
    const here = await polls(fixture)
    const response = fetch(here)
    const conn = connectionOf(fixture)
    await eventually(() => conn.transport.writable)
    fixture.io.emit('jackpot:won', { n: 1, pad })
    await (await response).text()
    expect(client(fixture).buffered).to.be.above(pad.length)
    const next = pollElsewhere(conn)
    await eventually(() => client(fixture).state === 'blind')
    expect(client(fixture)).to.include({ buffered: 0, closesIn: null })
    fixture.io.emit('jackpot:won', { n: 2 })
    expect(await next).to.deep.equal(['2["jackpot:won",{"n":2}]'])
  })

  it('is sent by its WebSocket there what it is sent without the plugin', async () => {
    for (const options of ['plain', withPlugin] as const) {
      const fixture = await start(options)
      await polls(fixture)
      fixture.io.emit('jackpot:won', { n: 0 })
      const carried = upgradeElsewhere(connectionOf(fixture))
      for (let n = 1; n < 300; n++) {
        fixture.io.emit('jackpot:won', { n, pad })
        fixture.io.emit('attached', n, Buffer.from('a'))
      }
      await eventually(() => carried.length === 1 + 3 * 299)
      if (options === 'plain') continue
      expect(client(fixture)).to.include({ state: 'blind', buffered: 0, closesIn: null })
    }
  })

  it('is known to have its WebSocket there, if that was before', async () => {
    const fixture = await start('plain')
    await polls(fixture)
    const carried = upgradeElsewhere(connectionOf(fixture))
    const { attach } = await import('../../lib/attach.ts')
    const spillway = attach(fixture.io, { messages })
    fixture.io.emit('jackpot:won', { n: 1 })
    expect(carried).to.deep.equal(['2["jackpot:won",{"n":1}]'])
    expect([...spillway.clients()][0]).to.include({ state: 'blind', buffered: 0 })
    spillway.close()
  })
})

/** What Engine.IO and `ws` tell with arguments, others tell without, or with others. */
const EVENTS = {
  conn: ['upgrade', 'heartbeat', 'drain', 'flush', 'packet', 'packetCreate', 'upgrading'],
  transport: ['headers', 'ready', 'drain'],
  ws: ['pong', 'ping'],
  engine: ['headers', 'initial_headers', 'connection_error'],
} as const
const ARGUMENTS: ReadonlyArray<readonly unknown[]> = [
  [],
  [undefined, undefined],
  [null, null],
  [0, { method: 'GET' }],
  [{}, 'text'],
  [{ name: 'polling' }, { method: 'GET', socket: {} }],
]

for (const transport of ['polling', 'websocket']) {
  describe(`Over ${transport}, an event of Engine.IO`, () => {
    let fixture: Fixture

    afterEach(() => fixture.close())

    it('throws where it does without the plugin, and nowhere else, whatever its arguments', async () => {
      const thrown: string[][] = []
      for (const options of ['plain', { messages }] as const) {
        if (thrown.length > 0) await fixture.close()
        fixture = await startServer(options)
        const client = await fixture.client({ transports: [transport] })
        const conn = connectionOf(fixture)
        const { engine } = fixture.io
        thrown.push(emitAll({ conn, transport: conn.transport, ws: conn.transport.socket, engine }))
        const got = new Promise((resolve) => client.once('jackpot:won', resolve))
        fixture.io.emit('jackpot:won', { n: 1 })
        await got
      }
      expect(thrown[1]).to.deep.equal(thrown[0])
      const { spillway } = fixture
      spillway!.terminate([...spillway!.clients()][0]!.id)
      await eventually(() => fixture.io.engine.clientsCount === 0)
    })
  })
}

/** @returns which of them have thrown */
function emitAll(emitters: Record<keyof typeof EVENTS, NodeJS.EventEmitter | undefined>): string[] {
  const thrown: string[] = []
  for (const [name, events] of Object.entries(EVENTS)) {
    const emitter = emitters[name as keyof typeof EVENTS]
    for (const event of events) {
      ARGUMENTS.forEach((each, index) => {
        try {
          emitter?.emit(event, ...each)
        } catch {
          thrown.push(`${name} ${event}, arguments ${index}`)
        }
      })
    }
  }
  return thrown
}
