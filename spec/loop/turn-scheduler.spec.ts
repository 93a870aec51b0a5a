import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { io as connect } from 'socket.io-client'
import type { Due } from '../../lib/loop/ready-queue.ts'
import { type TurnMember, TurnScheduler } from '../../lib/loop/turn-scheduler.ts'
import { messages } from '../support/messages.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'

/** A fan-out whose members take a millisecond each, of a clock that only they move. */
function setUp(budget: number) {
  const log: string[] = []
  const clock = { now: () => time, wall: () => 0 }
  let time = 0
  let ticks = 0
  const fanout = new TurnScheduler(clock, budget, () => ticks++)
  const member = (name: string, then?: () => void): TurnMember => ({
    due: 'no' as Due,
    serve() {
      time++
      log.push(name)
      then?.()
    },
  })
  const spend = (millis: number) => (time += millis)
  const spent = () => fanout.spent(time)
  return { fanout, log, member, spend, spent, ticks: () => ticks }
}

const tick = () => new Promise<void>((resolve) => process.nextTick(resolve))

describe('TurnScheduler', () => {
  it('serves everyone when the tick ends, if the budget allows it, each once', async () => {
    const { fanout, log, member, ticks } = setUp(10)
    const a = member('a')
    for (const each of [a, member('b'), a]) fanout.add(each, false)
    expect(log).to.deep.equal([])
    await tick()
    expect(log).to.deep.equal(['a', 'b'])
    expect([ticks(), fanout.slices]).to.deep.equal([1, 0])
    fanout.add(a, false)
    await tick()
    expect(log).to.deep.equal(['a', 'b', 'a'])
    fanout.close()
  })

  it('leaves the rest to slices, between which the loop turns', async () => {
    const { fanout, log, member } = setUp(3)
    for (let n = 0; n < 10; n++) fanout.add(member(`${n}`), false)
    await tick()
    const turns: number[] = []
    while (log.length < 10) {
      turns.push(log.length)
      await turn()
    }
    // the turn in which they were emitted has no slice
    expect(turns).to.deep.equal([4, 4, 8])
    expect(fanout.slices).to.equal(2)
    fanout.close()
  })

  it('serves one client at least, when the emits have spent the budget', async () => {
    const { fanout, log, member, spend, spent } = setUp(3)
    fanout.add(member('a'), false)
    fanout.add(member('b'), false)
    expect(spent()).to.equal(false)
    spend(5)
    expect(spent()).to.equal(true)
    await tick()
    expect(log).to.deep.equal(['a'])
    await turn()
    expect(log).to.deep.equal(['a'])
    await turn()
    expect(log).to.deep.equal(['a', 'b'])
    fanout.close()
  })

  it('spends its budget once a turn, however many ticks it has', async () => {
    const { fanout, log, member, spend, spent } = setUp(3)
    for (const name of ['a', 'b', 'c', 'd']) fanout.add(member(name), false)
    await tick()
    expect(log).to.have.length(4)
    fanout.add(member('e'), false)
    fanout.add(member('f'), true)
    await tick()
    expect(log).to.have.length(4)
    await turn()
    expect(spent()).to.equal(true)
    await turn()
    expect(log.slice(4)).to.deep.equal(['f', 'e'])
    spend(5)
    await turn()
    expect(spent()).to.equal(false)
    fanout.close()
  })

  it('gives writes half as long as the rest of the turn took', async () => {
    const { fanout, log, member, spend } = setUp(3)
    for (let n = 0; n < 20; n++) fanout.add(member(`${n}`), false)
    await tick()
    expect(log).to.have.length(4)
    spend(10)
    await turn()
    await turn()
    expect(log).to.have.length(4 + 6)
    fanout.close()
  })

  it('serves clients with something critical first, and the others in their order', async () => {
    const { fanout, log, member } = setUp(100)
    const [a, b, c] = [member('a'), member('b'), member('c')]
    fanout.add(a, false)
    fanout.add(b, false)
    fanout.add(c, true)
    fanout.add(b, true)
    fanout.add(c, false)
    await tick()
    expect(log).to.deep.equal(['c', 'b', 'a'])
    fanout.close()
  })

  it('skips a client that is gone', async () => {
    const { fanout, log, member } = setUp(100)
    const a = member('a')
    fanout.add(a, false)
    fanout.add(member('b'), false)
    a.due = 'no'
    await tick()
    expect(log).to.deep.equal(['b'])
    fanout.close()
  })

  it('goes on when a client throws', async () => {
    const { fanout, log, member } = setUp(100)
    const thrown: string[] = []
    process.setUncaughtExceptionCaptureCallback(({ message }) => thrown.push(message))
    fanout.add(
      member('a', () => {
        throw new Error('of a')
      }),
      false,
    )
    fanout.add(member('b'), false)
    await turn()
    await turn()
    process.setUncaughtExceptionCaptureCallback(null)
    expect(thrown).to.deep.equal(['of a'])
    expect(log).to.deep.equal(['a', 'b'])
    fanout.close()
  })

  it('tells everyone that the tick has ended, though one throws', async () => {
    const { fanout, log } = setUp(100)
    const thrown: string[] = []
    process.setUncaughtExceptionCaptureCallback(({ message }) => thrown.push(message))
    const first = fanout.tick()
    fanout.whenTickEnds({ tickEnded: () => log.push('a') })
    fanout.whenTickEnds({
      tickEnded() {
        throw new Error('of b')
      },
    })
    expect(log).to.deep.equal([])
    await turn()
    await turn()
    process.setUncaughtExceptionCaptureCallback(null)
    expect(thrown).to.deep.equal(['of b'])
    expect(log).to.deep.equal(['a'])
    expect(fanout.tick()).to.not.equal(first)
    fanout.close()
  })

  it('serves at once when the process exits, and whoever comes after that', () => {
    const { fanout, log, member, spend, spent } = setUp(1)
    for (let n = 0; n < 3; n++) fanout.add(member(`${n}`), false)
    fanout.whenTickEnds({ tickEnded: () => log.push('ended') })
    fanout.end()
    expect(log.splice(0)).to.deep.equal(['0', '1', '2', 'ended'])
    spend(5)
    expect(spent()).to.equal(false)
    fanout.add(member('a'), false)
    fanout.whenTickEnds({ tickEnded: () => log.push('at once') })
    expect(log).to.deep.equal(['a', 'at once'])
    fanout.close()
  })

  it('serves everyone at once when it is closed', () => {
    const { fanout, log, member } = setUp(1)
    for (let n = 0; n < 5; n++) fanout.add(member(`${n}`), n > 2)
    fanout.close()
    expect(log).to.deep.equal(['3', '4', '0', '1', '2'])
  })
})

describe('A broadcast over many clients', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  it('keeps order and loses nothing across slices, on every transport', async () => {
    fixture = await startServer({ messages, tickBudget: 1 })
    const raw = await Promise.all(Array.from({ length: 40 }, () => fixture.raw()))
    const polling = await fixture.client({ transports: ['polling'] })
    const got: number[] = []
    polling.on('jackpot:won', ({ n }: { n: number }) => got.push(n))
    for (let n = 0; n < 200; n++) {
      fixture.io.emit('jackpot:won', { n })
      if (n % 20 === 19) await turn()
    }
    const expected = Array.from({ length: 200 }, (_, n) => n)
    for (const client of raw) {
      await client.until(() => client.frames.length >= 201)
      const numbers = client.frames
        .map((frame) => /"n":(\d+)/.exec(String(frame))?.[1])
        .filter((n) => n !== undefined)
      expect(numbers.map(Number)).to.deep.equal(expected)
    }
    while (got.length < 200) await turn()
    expect(got).to.deep.equal(expected)
  })

  it('is written where it is emitted, if the client is sent one a tick, else when the tick ends', async () => {
    fixture = await startServer({ messages })
    const client = await fixture.raw()
    const [socket] = fixture.io.sockets.sockets.values()
    const { socket: ws } = socket!.conn.transport as unknown as {
      socket: { _socket: { bytesWritten: number } }
    }
    const send = (messages: number) => {
      const grown: boolean[] = []
      for (let n = 0; n < messages; n++) {
        const before = ws._socket.bytesWritten
        fixture.io.emit('jackpot:won', { n })
        grown.push(ws._socket.bytesWritten > before)
      }
      return grown
    }
    expect(send(3)).to.deep.equal([true, false, false])
    await turn()
    expect(send(2)).to.deep.equal([false, false])
    await turn()
    expect(send(1)).to.deep.equal([false])
    await turn()
    expect(send(1)).to.deep.equal([true])
    await client.until(() => client.events.length === 7)
  })

  it('is not written where it is emitted when the budget is spent', async () => {
    fixture = await startServer({ messages, tickBudget: 1 })
    const clients = [await fixture.raw(), await fixture.raw()]
    const sockets = [...fixture.io.sockets.sockets.values()]
    for (const socket of sockets) {
      const { socket: ws } = socket.conn.transport as unknown as {
        socket: { _socket: { bytesWritten: number } }
      }
      const before = ws._socket.bytesWritten
      socket.emit('jackpot:won', { n: 1 })
      expect(ws._socket.bytesWritten > before).to.equal(socket === sockets[0])
      for (const until = performance.now() + 5; performance.now() < until; ) {}
    }
    for (const client of clients) await client.until(() => client.events.includes('jackpot:won'))
  })

  it('is still sent when the server closes, or the client is disconnected, in the same tick', async () => {
    fixture = await startServer({ messages })
    const clients = [await fixture.raw(), await fixture.raw()]
    const [socket] = [...fixture.io.sockets.sockets.values()]
    fixture.io.emit('jackpot:won', { n: 1 })
    socket!.disconnect(true)
    fixture.spillway!.close()
    for (const client of clients) await client.until(() => client.events.includes('jackpot:won'))
  })

  for (const when of ['the process ends in the same tick', 'a listener of its exit emits it']) {
    it(`is still sent when ${when}`, async () => {
      fixture = await startServer({ messages })
      const script = fileURLToPath(new URL('../support/process/exiting-app.ts', import.meta.url))
      const child = spawn(process.execPath, ['--import', 'tsx', script, when], {
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: 15_000,
      })
      const [url] = await once(child.stdout.setEncoding('utf8'), 'data')
      const client = connect(url.trim(), { transports: ['websocket'], reconnection: false })
      const won: number[] = []
      client.on('jackpot:won', ({ n }: { n: number }) => won.push(n))
      client.emit('end')
      await new Promise((resolve) => client.once('disconnect', resolve))
      expect(won).to.deep.equal([1, 2, 3])
    })
  }

  it('leaves volatile as it is: a second one in a tick is dropped', async () => {
    fixture = await startServer({ messages })
    const client = await fixture.raw()
    fixture.io.volatile.emit('jackpot:won', { n: 1 })
    fixture.io.volatile.emit('jackpot:won', { n: 2 })
    await turn()
    await new Promise((resolve) => setTimeout(resolve, 20))
    fixture.io.volatile.emit('jackpot:won', { n: 3 })
    await client.until(() => client.frames.some((frame) => String(frame).includes('"n":3')))
    expect(client.events.filter((event) => event === 'jackpot:won')).to.have.length(2)
  })
})
