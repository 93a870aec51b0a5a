import { expect } from 'chai'
import { KernelBacklog } from '../../lib/link/kernel-backlog.ts'
import { Held, HeldBytes } from '../../lib/message/held-bytes.ts'
import { WRITE_PLACE } from '../../lib/message/memory-costs.ts'

describe('KernelBacklog', () => {
  function filled(count: number) {
    const heldBytes = new HeldBytes()
    const backlog = new KernelBacklog(heldBytes)
    for (let n = 0; n < count; n++) backlog.add(new Held(10))
    /** Without the places of the writes that are under way. */
    const bytes = () => heldBytes.bytes - backlog.writes * WRITE_PLACE
    return { backlog, bytes }
  }

  it('holds the latest that make up what is outstanding, whole', () => {
    const { backlog, bytes } = filled(10)
    backlog.keep(100)
    expect(bytes()).to.equal(100)
    backlog.keep(41)
    expect(bytes()).to.equal(50)
    backlog.keep(40)
    expect(bytes()).to.equal(40)
    backlog.add(new Held(5))
    backlog.keep(6)
    expect(bytes()).to.equal(15)
    backlog.keep(0)
    expect(bytes()).to.equal(0)
  })

  it('holds nothing when only markers behind the latest are outstanding', () => {
    const { backlog, bytes } = filled(2)
    backlog.marked(14)
    backlog.marked(14)
    backlog.keep(38)
    expect(bytes()).to.equal(10)
    backlog.keep(29)
    expect(bytes()).to.equal(10)
    backlog.keep(28)
    expect(bytes()).to.equal(0)
    backlog.keep(0)
    expect(bytes()).to.equal(0)
  })

  it('holds what was written behind a marker until it is taken itself', () => {
    const { backlog, bytes } = filled(1)
    backlog.marked(14)
    backlog.add(new Held(10))
    backlog.keep(24)
    expect(bytes()).to.equal(20)
    for (const outstanding of [10, 1]) {
      backlog.keep(outstanding)
      expect(bytes()).to.equal(10)
    }
    backlog.keep(0)
    expect(bytes()).to.equal(0)
  })

  // an array that is shifted takes 20 s for as many
  it('lets go of one item after the other however many there are', function () {
    this.timeout(5000)
    const { backlog, bytes } = filled(100_000)
    for (let outstanding = 1_000_000; outstanding >= 0; outstanding -= 10) {
      backlog.keep(outstanding)
      expect(bytes() === outstanding).to.equal(true)
    }
  })
})
