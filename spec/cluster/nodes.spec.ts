import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { createClient } from 'redis'
import { z } from 'zod'
import { cosmetic } from '../../schemas/priority.ts'
import { range } from '../support/browser/browser.ts'
import { starve } from '../support/clients/flood.ts'
import { fatalErrors } from '../support/clients/hostile-socket.ts'
import { messages, pad } from '../support/messages.ts'
import { type Exposition, parseExposition } from '../support/prometheus/exposition.ts'
import type { AppFixture } from '../support/servers/app.ts'
import { ADAPTER_NAMES, linked, type NodeOptions, startNode } from '../support/servers/nodes.ts'
import { Redis } from '../support/servers/redis.ts'
import { connectors, eventually, type RawClient } from '../support/servers/server.ts'

interface Numbered {
  readonly n: number
}

const numbersOf = (client: RawClient, event = 'jackpot:won') =>
  client.received<Numbered>(event).map(({ n }) => n)
const bulk = 'x'.repeat(100_000)
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function metricsOf({ url }: { readonly url: string }): Promise<Exposition> {
  const answer = await fetch(`${url}/spillway/metrics`)
  return parseExposition(await answer.text())
}

for (const adapter of ADAPTER_NAMES) {
  describe(`Nodes with @socket.io/${adapter}`, function () {
    // two processes more, and Redis
    this.timeout(60_000)
    let redis: Redis
    const opened: Array<{ close(): unknown }> = []

    before(async () => {
      redis = await Redis.start()
    })

    afterEach(async () => {
      for (const each of opened.splice(0)) await each.close()
    })

    after(() => redis.close())

    async function start(options: Partial<NodeOptions> = {}): Promise<AppFixture> {
      const node = await startNode({ adapter, url: redis.url, ...options })
      opened.push(node)
      return node
    }

    /** A node of this process, and a client of another that hears it. */
    async function startPair(options: Partial<NodeOptions> = {}) {
      const [a, b] = [await start(options), await start(options)]
      const remote = await b.raw()
      await linked(a, remote)
      return { a, b, remote }
    }

    /** A node in a process of its own. */
    async function startProcess() {
      const script = fileURLToPath(new URL('../support/process/node-app.ts', import.meta.url))
      const args = ['--import', 'tsx', script, adapter, redis.url]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      opened.push({ close: () => end(child) })
      const [told] = await once(child.stdout.setEncoding('utf8'), 'data')
      const url: string = told.trim()
      const clients: Array<{ close(): unknown }> = []
      opened.push({ close: () => clients.forEach((client) => void client.close()) })
      const connect = connectors(url, clients)
      const client = await connect.client()
      const emit = (event: string, payloads: object[]) =>
        client.timeout(10_000).emitWithAck('emit', event, payloads)
      return { child, url, emit, ...connect }
    }

    /** Tells Redis what its administrator would. */
    async function tell(...commands: string[][]): Promise<void> {
      const client = await createClient({ url: redis.url }).connect()
      for (const command of commands) await client.sendCommand(command)
      client.destroy()
    }

    /** A client of a node that has more in flight than its window lets be there. */
    async function starved(node: AppFixture): Promise<RawClient> {
      const client = await node.raw()
      const { id } = [...node.spillway!.clients()].at(-1)!
      starve(node, client)
      await eventually(() => node.spillway!.client(id)!.state !== 'ready')
      return client
    }

    it('classifies what another process emits, and counts it where it is delivered', async () => {
      const b = await start()
      const other = await startProcess()
      const near = await other.raw()
      const remote = await b.raw()
      while (!remote.events.includes('linked')) await other.emit('linked', [{}])
      await other.emit('jackpot:won', [{ n: 1 }, { n: 2 }])
      await other.emit('table:state', [
        { kind: 'seat', n: 1 },
        { kind: 'chatter', n: 2 },
        { kind: 'chatter', n: 3 },
      ])
      await remote.until(() => numbersOf(remote, 'table:state').length === 3)
      await near.until(() => numbersOf(near, 'table:state').length === 3)
      expect(numbersOf(remote)).to.deep.equal([1, 2])
      const metrics = await metricsOf(b)
      const sent = (event: string, of: string) =>
        metrics.value('spillway_messages_total', { event, class: of, outcome: 'sent' })
      expect(sent('jackpot:won', 'critical')).to.equal(2)
      expect(sent('table:state', 'critical')).to.equal(1)
      expect(sent('table:state', 'cosmetic')).to.equal(2)
    })

    it('sheds for a slow client what another node emits, nothing of it critical', async () => {
      const { a, b, remote } = await startPair()
      const near = await a.raw()
      const slow = await starved(b)
      for (let n = 0; n < 200; n++) {
        a.io.emit('reel:frame', { n, pad })
        if (n % 4 !== 0) continue
        a.io.emit('jackpot:won', { n: n / 4 })
        for (const fast of [near, remote]) await fast.until(() => numbersOf(fast).at(-1) === n / 4)
      }
      for (const fast of [near, remote]) {
        await fast.until(() => numbersOf(fast, 'reel:frame').at(-1) === 199)
      }
      expect(numbersOf(slow, 'reel:frame')).to.deep.equal([])
      slow.resume()
      await slow.until(() => numbersOf(slow, 'reel:frame').at(-1) === 199)
      expect(numbersOf(slow)).to.deep.equal(range(0, 49))
      const frames = numbersOf(slow, 'reel:frame')
      expect(frames).to.deep.equal([...frames].sort((x, y) => x - y))
      const lost = 400 - frames.length - numbersOf(remote, 'reel:frame').length
      expect(lost).to.be.greaterThan(100)
      const labels = { event: 'reel:frame', class: 'cosmetic', outcome: 'dropped' }
      expect((await metricsOf(b)).value('spillway_messages_total', labels)).to.equal(lost)
      const tallyOf = (name: string, of: string) =>
        b.spillway!.stats().events.find((each) => each.event === name && each.class === of)!
      expect(tallyOf('reel:frame', 'cosmetic').dropped.messages).to.equal(lost)
      expect(tallyOf('jackpot:won', 'critical').sent.messages).to.equal(100)
    })

    it('conflates by key, and lets expire, what another node emits', async () => {
      const brief = cosmetic(z.object({ n: z.number() }), { maxAge: 20 })
      const { a, b } = await startPair({ plugin: { messages: { ...messages, brief } } })
      const slow = await starved(b)
      a.io.emit('brief', { n: 1 })
      for (let n = 0; n < 40; n++) a.io.emit('odds:now', { table: `t${n % 2}`, n })
      a.io.emit('jackpot:won', { n: 1 })
      await eventually(() => b.spillway!.stats().classes.cosmetic.conflated.messages >= 38)
      await eventually(() => b.spillway!.stats().classes.cosmetic.expired.messages === 1)
      slow.resume()
      await slow.until(() => numbersOf(slow, 'odds:now').length === 2)
      await slow.until(() => numbersOf(slow).length === 1)
      expect(numbersOf(slow, 'odds:now')).to.deep.equal([38, 39])
      expect(numbersOf(slow, 'brief')).to.deep.equal([])
    })

    it('reaches rooms, leaves out who is excepted, and gathers the answers of all nodes', async () => {
      const { a, b } = await startPair()
      const clients = [await a.client(), await b.client(), await b.client()]
      const got: string[] = []
      for (const [index, client] of clients.entries()) {
        client.on('jackpot:won', ({ n }: Numbered) => got.push(`${index} ${n}`))
        client.on('ask', (answer: (text: string) => void) => answer(`answer ${index}`))
        const node = index === 0 ? a : b
        await node.io.sockets.sockets.get(client.id!)!.join(index === 2 ? 'out' : 'in')
      }
      a.io.to('in').emit('jackpot:won', { n: 1 })
      a.io.to(['in', 'out']).except('out').emit('jackpot:won', { n: 2 })
      a.io.to('out').emit('jackpot:won', { n: 3 })
      await eventually(() => got.length === 5)
      expect(got.sort()).to.deep.equal(['0 1', '0 2', '1 1', '1 2', '2 3'])
      const answers: string[] = await a.io.to(['in', 'out']).timeout(5000).emitWithAck('ask')
      expect(answers.sort()).to.deep.equal(['answer 0', 'answer 1', 'answer 2'])
    })

    const comesBack =
      adapter === 'redis-adapter'
        ? 'takes a client that comes back for a new one'
        : 'sends a client that comes back to another node what it missed'
    it(comesBack, async () => {
      const server = { connectionStateRecovery: {} }
      const { a, b } = await startPair({ server })
      const client = await b.client({ reconnection: true, reconnectionDelay: 200 })
      const got: string[] = []
      client.onAny((event: string, { n }: Numbered) => got.push(`${event} ${n}`))
      a.io.emit('jackpot:won', { n: 1 })
      await eventually(() => got.length === 1)
      // a load balancer sends it there
      Reflect.set(client.io, 'uri', a.url)
      client.io.engine.close()
      await eventually(() => b.spillway!.stats().clients.connected === 1)
      b.io.emit('reel:frame', { n: 2 })
      for (let n = 3; n < 6; n++) a.io.emit('jackpot:won', { n })
      await eventually(() => client.connected)
      expect(a.io.sockets.sockets.has(client.id!)).to.equal(true)
      b.io.emit('jackpot:won', { n: 6 })
      await eventually(() => got.includes('jackpot:won 6'))
      if (adapter === 'redis-adapter') expect(client.recovered).to.equal(false)
      else {
        // a frame that Redis brings late is not one that was missed
        const won = got.filter((each) => !each.startsWith('reel:frame'))
        expect(won).to.deep.equal([1, 3, 4, 5, 6].map((n) => `jackpot:won ${n}`))
      }
    })

    for (const [signal, keeps] of [
      ['SIGTERM', true],
      ['SIGKILL', false],
    ] as const) {
      it(`goes on by itself when Redis ends by ${signal}, and together when it is back`, async () => {
        const { a, b, remote } = await startPair({ keeps })
        const near = await a.raw()
        const faults: Error[] = []
        a.spillway!.events.on('fault', (_, error) => faults.push(error))
        let n = 0
        const emit = () => {
          a.io.emit('jackpot:won', { n: ++n })
          a.io.timeout(50).emit('ask', () => {})
          a.io.serverSideEmit('hello')
          a.io.fetchSockets().catch(() => {})
        }
        const errors = await fatalErrors(async () => {
          let stopped = false
          void redis.stop(signal).then(() => {
            stopped = true
          })
          for (let after = 0; after < 50; after += stopped ? 1 : 0) {
            emit()
            await turn()
          }
          await near.until(() => numbersOf(near).length === n)
          await eventually(() => faults.length > 0)
          await redis.start()
          await linked(a, remote)
        })
        expect(errors).to.deep.equal([])
        expect(numbersOf(near)).to.deep.equal(range(1, n))
        const metrics = await metricsOf(a)
        for (const kind of ['error', keeps ? 'error' : 'rejected']) {
          expect(metrics.value('spillway_adapter_faults_total', { kind })).to.be.greaterThan(0)
        }
        expect(b.spillway!.readings.adapterFaults.error).to.be.greaterThan(0)
        // each once, and in order, as far as Redis took it
        const heard = numbersOf(remote)
        expect(heard).to.deep.equal([...new Set(heard)].sort((x, y) => x - y))
      })
    }

    it('goes on by itself when Redis answers nothing any more', async () => {
      const server = { connectionStateRecovery: {} }
      const { a, remote } = await startPair({ server })
      const near = await a.raw()
      const client = await a.client({ reconnection: true, reconnectionDelay: 10 })
      a.io.emit('jackpot:won', { n: 1 })
      await near.until(() => numbersOf(near).length === 1)
      redis.pause()
      try {
        for (let n = 2; n < 50; n++) a.io.emit('jackpot:won', { n })
        await near.until(() => numbersOf(near).length === 49)
        expect(numbersOf(near)).to.deep.equal(range(1, 49))
        // nor is one that comes back kept waiting for its session
        client.io.engine.close()
        await new Promise<void>((resolve) => client.once('connect', resolve))
        expect(client.recovered).to.equal(false)
      } finally {
        redis.resume()
      }
      const late = a.spillway!.readings.adapterFaults.late
      if (adapter === 'redis-streams-adapter') expect(late).to.be.greaterThan(0)
      await remote.until(() => numbersOf(remote).at(-1) === 49)
      expect(numbersOf(remote)).to.deep.equal(range(1, 49))
    })

    it('hears the others again after Redis has cut its connections', async () => {
      const { a, b, remote } = await startPair()
      const faults: string[] = []
      b.spillway!.events.on('fault', (where) => faults.push(where))
      await tell(['CLIENT', 'KILL', 'TYPE', 'pubsub'], ['CLIENT', 'KILL', 'TYPE', 'normal'])
      await eventually(() => faults.includes('client of an adapter'))
      await linked(a, remote)
    })

    it('hears the others again after it stood still and Redis gave it up', async () => {
      await tell(['CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 256kb 256kb 1'])
      const a = await start()
      const other = await startProcess()
      const remote = await other.raw()
      await linked(a, remote)
      const near = await a.raw()
      other.child.kill('SIGSTOP')
      const already = near.frames.length
      let n = 0
      try {
        // the kernel holds some megabytes for it, then Redis does
        while (n < 150) {
          a.io.emit('jackpot:won', { n: n++, pad: bulk })
          await near.until(() => near.frames.length >= already + n)
        }
      } finally {
        other.child.kill('SIGCONT')
      }
      await linked(a, remote)
      const faults = (await metricsOf(other)).value('spillway_adapter_faults_total', {
        kind: 'error',
      })
      const heard = numbersOf(remote)
      if (adapter === 'redis-adapter') {
        expect(faults).to.be.greaterThan(0)
        expect(heard.length).to.be.lessThan(n)
        expect(heard).to.deep.equal(range(0, heard.length - 1))
      } else {
        // a stream is read on from where it was
        expect(heard).to.deep.equal(range(0, n - 1))
      }
    })
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
