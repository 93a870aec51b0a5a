import { expect } from 'chai'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'

/** What the engine's options may hold for the interval of heartbeats. */
const INTERVALS = [25_000, undefined, Number.POSITIVE_INFINITY, Number.NaN]

describe('A heartbeat', () => {
  let fixture: Fixture

  beforeEach(async () => {
    fixture = await startServer({ messages }, { allowEIO3: true })
  })

  afterEach(() => fixture.close())

  const client = () => [...fixture.spillway!.clients()][0]!
  const beats = () => {
    const [conn] = Object.values(Reflect.get(fixture.io.engine, 'clients')) as [NodeJS.EventEmitter]
    let count = 0
    conn.on('heartbeat', () => count++)
    return () => count
  }
  const setInterval = (pingInterval: number | undefined) =>
    Object.assign(Reflect.get(fixture.io.engine, 'opts'), { pingInterval })

  for (const pingInterval of INTERVALS) {
    describe(`where the interval is ${pingInterval}`, () => {
      it('of a protocol 3 client proves nothing of what it was sent, over WebSocket', async () => {
        const raw = await fixture.raw({ protocol: 3, autoPong: false })
        setInterval(pingInterval)
        await expectNoProof(async (count) => {
          const [heard, answers] = [beats(), answersOf(raw)]
          for (let n = 0; n < count; n++) raw.send('2')
          await eventually(() => heard() === count && answersOf(raw) === answers + count)
        })
      })

      it('of a protocol 3 client proves nothing of what it was sent, over polling', async () => {
        const poll = `${fixture.url}/socket.io/?EIO=3&transport=polling`
        const opened = await (await fetch(poll)).text()
        const { sid } = JSON.parse(opened.slice(opened.indexOf('{'), opened.indexOf('}') + 1))
        // the CONNECT
        await (await fetch(`${poll}&sid=${sid}`)).text()
        const pending = fetch(`${poll}&sid=${sid}`)
        await eventually(() => writable(fixture))
        setInterval(pingInterval)
        await expectNoProof(async (count) => {
          // a response that the client has yet to read
          await pending
          const heard = beats()
          for (let n = 0; n < count; n++) {
            await fetch(`${poll}&sid=${sid}`, { method: 'POST', body: '1:2' })
          }
          await eventually(() => heard() === count)
        })
      })

      it('of a protocol 4 client proves what was written before it, and no more', async () => {
        const raw = await fixture.raw({ autoPong: false })
        setInterval(pingInterval)
        const heard = beats()
        await expectNoProof(async () => {
          raw.send('3')
          await eventually(() => heard() === 1)
        })
        // an answer to one that was written after the first
        raw.send('3')
        await eventually(() => heard() === 2)
        expect(client().state).to.equal('blind')
      })
    })
  }

  /** What was sent stays in flight: nothing that comes meanwhile tells that the client has it. */
  async function expectNoProof(beat: (count: number) => Promise<void>): Promise<void> {
    for (let n = 0; n < 20; n++) fixture.io.emit('reel:frame', { n, pad })
    const { inFlight } = client()
    expect(inFlight).to.be.greaterThan(0)
    await beat(2)
    expect(client().inFlight).to.be.at.least(inFlight)
    expect(client().state).to.not.equal('blind')
  }
})

function answersOf(client: RawClient): number {
  return client.frames.filter((frame) => frame === '3').length
}

function writable({ io }: Fixture): boolean {
  const clients = Reflect.get(io.engine, 'clients') as Record<
    string,
    { transport: { writable: boolean } }
  >
  return Object.values(clients)[0]?.transport.writable === true
}
