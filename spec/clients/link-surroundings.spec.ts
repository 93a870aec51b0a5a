import { expect } from 'chai'
import { LinkSurroundings } from '../../lib/clients/link-surroundings.ts'
import { StraySockets } from '../../lib/link/stray-sockets.ts'
import { LoopDelay } from '../../lib/loop/loop-delay.ts'
import { type TickMember, TurnScheduler } from '../../lib/loop/turn-scheduler.ts'
import { FrameBatches } from '../../lib/message/frame-batch.ts'
import { HeldBytes } from '../../lib/message/held-bytes.ts'
import { Meters } from '../../lib/telemetry/meters.ts'
import { POLICIES } from '../model/operations.ts'

const clock = { now: () => 0, wall: () => 0 }

describe('LinkSurroundings', () => {
  let members: TickMember[]
  let surroundings: LinkSurroundings

  beforeEach(() => {
    members = []
    const scheduler = new TurnScheduler(clock, 8, () => {})
    scheduler.afterTick = (member) => void members.push(member)
    surroundings = new LinkSurroundings(
      {
        limits: POLICIES[0]!,
        configured: POLICIES[0]!,
        meters: new Meters(),
        batches: new FrameBatches(),
        heldBytes: new HeldBytes(),
        strays: new StraySockets(() => {}),
        scheduler,
        loopDelay: new LoopDelay(clock),
      },
      clock,
    )
  })

  it('tell each emptied link once, when a tick ends', () => {
    const told: string[] = []
    const one = { tellDrained: () => void told.push('one') }
    const other = { tellDrained: () => void told.push('other') }
    for (const link of [one, other, one]) surroundings.emptied(link)
    expect(members).to.deep.equal([surroundings])
    expect(told).to.deep.equal([])
    surroundings.tickEnded()
    expect(told).to.deep.equal(['one', 'other'])
    surroundings.tickEnded()
    expect(told).to.deep.equal(['one', 'other'])
    expect(members).to.have.length(1)
  })

  it('tell the others when a later tick ends, if a listener throws', () => {
    const told: string[] = []
    const failing = {
      tellDrained() {
        throw new Error('of a listener')
      },
    }
    surroundings.emptied(failing)
    surroundings.emptied({ tellDrained: () => void told.push('other') })
    expect(() => surroundings.tickEnded()).to.throw('of a listener')
    expect(members).to.deep.equal([surroundings, surroundings])
    surroundings.tickEnded()
    expect(told).to.deep.equal(['other'])
  })
})
