import { expect } from 'chai'
import type sinon from 'sinon'
import type { ClosingCode } from '../../lib/base/outcomes.ts'
import type { Channel } from '../../lib/channel/channel.ts'
import { Budget } from '../../lib/clients/budget.ts'
import type { Census } from '../../lib/clients/census.ts'
import { Sweep } from '../../lib/clients/sweep.ts'
import { SMALL_LIMITS } from '../support/fakes/channel-set-up.ts'
import { fakeTimers } from '../support/fakes/fake-timers.ts'

/** What a sweep sees of a client, and what it does to it. */
interface Standing {
  /** Why the client has to be closed, if it has to. */
  verdict: ClosingCode | undefined
  buffered: number
  held: number
  exempt: boolean
  /** Between two transports. */
  isExcused: boolean
  progressAt: number
}

describe('Sweep', () => {
  let timers: sinon.SinonFakeTimers
  let watched: Set<Channel>
  /** Names of the clients that were inspected, in that order. */
  let inspected: string[]
  /** Names and codes of the clients that were closed. */
  let closed: string[]
  let sweep: Sweep | undefined

  beforeEach(() => {
    timers = fakeTimers('setInterval', 'clearInterval')
    watched = new Set()
    inspected = []
    closed = []
  })

  afterEach(() => {
    sweep?.close()
    sweep = undefined
    expect(timers.countTimers(), 'left').to.equal(0)
    timers.restore()
  })

  function client(name: string, different: Partial<Standing> = {}) {
    const usual = { verdict: undefined, buffered: 0, held: 0, exempt: false }
    const standing: Standing = { ...usual, isExcused: false, progressAt: 0, ...different }
    const channel = Object.assign(standing, {
      inspect() {
        inspected.push(name)
        return standing.verdict
      },
      terminate(code: ClosingCode) {
        closed.push(`${name} ${code}`)
        watched.delete(channel)
      },
      delivery: {
        isExcused: () => standing.isExcused,
        get progressAt() {
          return standing.progressAt
        },
      },
    }) as unknown as Channel & Standing
    watched.add(channel)
    return channel
  }

  /** A sweep of a server that closes stalled clients after ten seconds, so each lap takes one second. */
  function started(changed: Partial<typeof SMALL_LIMITS> = {}, budget = new Budget(1e9)) {
    const shares: number[] = []
    const host = {
      get size() {
        return watched.size
      },
      watched,
      configured: { ...SMALL_LIMITS, ...changed },
      budget,
      census: { count: (_size: number, each: number) => shares.push(each) } as unknown as Census,
      now: () => timers.now,
      lingering: { free: () => 0 },
      inspected() {},
    }
    sweep = new Sweep(host)
    sweep.start()
    return { sweep, host, shares }
  }

  it('inspects everyone once a lap, a tenth in each turn', () => {
    const names = Array.from({ length: 40 }, (_, n) => `client ${n}`)
    for (const name of names) client(name)
    const { shares } = started()
    timers.tick(100)
    expect(inspected).to.have.length(4)
    timers.tick(900)
    expect(inspected).to.have.length(40)
    expect(inspected).to.have.members(names)
    expect(shares, 'of the census').to.deep.equal(Array(10).fill(10))
  })

  it('takes a quarter of the time after which a client is stalled, from 25 ms on', () => {
    for (let n = 0; n < 40; n++) client(`client ${n}`)
    started({ stallAfter: 400 })
    timers.tick(100)
    expect(inspected).to.have.length(40)
    sweep!.close()
    inspected.length = 0
    started({ stallAfter: 10 })
    timers.tick(24)
    expect(inspected).to.have.length(0)
    timers.tick(1)
    expect(inspected).to.have.length(40)
  })

  it('comes to everyone, though others join and leave all the time', () => {
    const names = Array.from({ length: 10 }, (_, n) => `client ${n}`)
    for (const name of names) client(name)
    started()
    for (let turn = 0; turn < 10; turn++) {
      const passing = Array.from({ length: 5 }, (_, n) => client(`passing ${turn}-${n}`))
      timers.tick(100)
      for (const channel of passing) watched.delete(channel)
    }
    expect(inspected).to.include.members(names)
  })

  it('passes over those that have left since the lap began: they are no part of a share', () => {
    const channels = Array.from({ length: 100 }, (_, n) => client(`client ${n}`))
    started()
    timers.tick(100)
    expect(inspected).to.have.length(10)
    for (const channel of channels.slice(10, 90)) watched.delete(channel)
    timers.tick(100)
    expect(inspected.slice(10)).to.deep.equal(['client 9', 'client 8'])
  })

  it('closes whoever has to be closed at a second look, a tenth of a second later', () => {
    client('dead', { verdict: 'stalled' })
    const late = client('late', { verdict: 'stalled' })
    const gone = client('gone', { verdict: 'stalled' })
    started({ stallAfter: 100 })
    timers.tick(25)
    expect(inspected).to.have.members(['dead', 'late', 'gone'])
    // an answer that had arrived, and was not read yet
    late.verdict = undefined
    watched.delete(gone)
    timers.tick(75)
    expect(closed).to.deep.equal([])
    timers.tick(25)
    expect(closed).to.deep.equal(['dead stalled'])
  })

  it('inspects a client in each turn as long as more than `emergency` is buffered for it', () => {
    const { sweep } = started()
    const excessive = client('excessive', { buffered: SMALL_LIMITS.emergency + 1 })
    watched.delete(excessive)
    const gone = client('gone', { buffered: SMALL_LIMITS.emergency + 1 })
    watched.delete(gone)
    for (const channel of [excessive, gone]) sweep.lookClosely(channel)
    sweep.forget(gone)
    timers.tick(300)
    expect(inspected).to.deep.equal(['excessive', 'excessive', 'excessive'])
    excessive.buffered = SMALL_LIMITS.emergency
    timers.tick(300)
    expect(inspected).to.have.length(3)
    expect(sweep.sizes.excessive).to.equal(0)
  })

  describe('above the byte budget', () => {
    /** More than one and a half times the budget is held, by so many bytes. */
    function over(excess: number) {
      const budget = new Budget(1000)
      budget.heldBytes.add(1500 + excess)
      return budget
    }

    it('closes clients for which most is held, but none that is exempt', () => {
      client('exempt', { held: 1000, exempt: true })
      client('large', { held: 800 })
      client('small', { held: 200 })
      started({}, over(100))
      timers.tick(100)
      expect(closed).to.deep.equal(['large budget'])
    })

    it('counts a client without progress fourfold, unless it is between two transports', () => {
      const progress = { progressAt: -5000 }
      client('busy', { held: 600 })
      client('excused', { held: 500, isExcused: true, ...progress })
      client('stuck', { held: 400, ...progress })
      client('small', { held: 10 })
      started({}, over(100))
      timers.tick(100)
      expect(closed).to.deep.equal(['stuck budget'])
    })

    it('first frees what connections hold that are gone', () => {
      client('large', { held: 800 })
      const { host } = started({}, over(100))
      host.lingering.free = () => 100
      timers.tick(100)
      expect(closed).to.deep.equal([])
      host.lingering.free = () => 99
      timers.tick(100)
      expect(closed).to.deep.equal(['large budget'])
    })

    it('closes nobody in a mode that only observes', () => {
      client('large', { held: 800 })
      started({ mode: 'observe' }, over(100))
      timers.tick(100)
      expect(closed).to.deep.equal([])
    })
  })

  it('keeps no process alive, and knows nobody after it is closed', () => {
    timers.restore()
    const keeping = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = keeping()
    const { sweep: real } = started()
    real.lookClosely(client('excessive', { buffered: 1e6 }))
    const after = keeping()
    real.close()
    sweep = undefined
    timers = fakeTimers('setInterval', 'clearInterval')
    expect(after).to.equal(before)
    expect(real.sizes).to.deep.equal({ excessive: 0, lap: 0 })
  })
})
