import { expect } from 'chai'
import fc from 'fast-check'
import { type Due, ReadyQueue } from '../../lib/loop/ready-queue.ts'

interface Member {
  readonly name: number
  due: Due
}

const members = (count: number): Member[] =>
  Array.from({ length: count }, (_, name) => ({ name, due: 'no' as Due }))

/** As a fan-out does: who is served waits no more. */
function serve(queue: ReadyQueue<Member>): number | undefined {
  const member = queue.take()
  if (member) member.due = 'no'
  return member?.name
}

describe('ReadyQueue', () => {
  it('holds no more than twice who waits, however long it is never empty', () => {
    const queue = new ReadyQueue<Member>('first')
    const all = members(3000)
    let most = 0
    // 1,000 are served while all of them want to be
    for (let round = 0; round < 100; round++) {
      for (const each of all) if (each.due === 'no') queue.push(each)
      most = Math.max(most, queue.slots)
      for (let n = 0; n < 1000; n++) expect(serve(queue)).to.equal((round * 1000 + n) % 3000)
    }
    expect(most).to.be.within(3000, 6000)
  })

  it('holds nobody twice who leaves it for another and comes back, and nobody who is gone', () => {
    const queue = new ReadyQueue<Member>('later')
    const all = members(1000)
    for (let round = 0; round < 100; round++) {
      for (const each of all) queue.push(each)
      // something critical came for each of them, and was written
      for (const each of all) each.due = 'no'
    }
    for (const each of all) queue.push(each)
    expect(queue.slots).to.be.at.most(3000)
    for (const each of all) each.due = 'no'
    const stranger: Member = { name: -1, due: 'no' }
    for (let n = 0; n < 10_000; n++) {
      queue.push(stranger)
      stranger.due = 'no'
    }
    expect(queue.slots).to.be.at.most(256)
    expect(serve(queue)).to.equal(undefined)
    expect(queue.slots).to.equal(0)
  })

  it('serves in the order of a naive queue', () => {
    const step = fc.record({
      what: fc.constantFrom('push', 'push', 'push', 'serve', 'leave'),
      who: fc.nat(299),
      times: fc.integer({ min: 1, max: 200 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ReadyQueue<Member>('later')
        const all = members(300)
        const naive: Member[] = []
        const serveNaive = () => {
          for (let next = naive.shift(); next; next = naive.shift()) {
            if (next.due === 'later') return next.name
          }
          return undefined
        }
        for (const { what, who, times } of steps) {
          for (let n = 0; n < times; n++) {
            const member = all[(who + n) % all.length]!
            if (what === 'leave') member.due = 'no'
            else if (what === 'serve') {
              const expected = serveNaive()
              expect(serve(queue)).to.equal(expected)
            } else if (member.due === 'no' && !naive.includes(member)) {
              // who comes back to its former place may or may not find it
              queue.push(member)
              naive.push(member)
            }
          }
        }
        for (let expected = serveNaive(); expected !== undefined; expected = serveNaive()) {
          expect(serve(queue)).to.equal(expected)
          all[expected]!.due = 'no'
        }
        expect(serve(queue)).to.equal(undefined)
      }),
      { numRuns: 300 },
    )
  })
})
