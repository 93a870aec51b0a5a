import { expect } from 'chai'
import { KernelProgress } from '../../lib/channel/kernel-progress.ts'

/** Bytes a millisecond of the slowest client that is waited for. */
const SLOWEST = 2
const MiB = 1024 * 1024

describe('KernelProgress', () => {
  it('gives a slow client the time in which it reads half of what the kernel took', () => {
    const { movedAt, readBy } = new KernelProgress(40_000, 1000)
    expect({ movedAt, readBy }).to.deep.equal({ movedAt: 1000, readBy: 1000 + 20_000 / SLOWEST })
  })

  it('gives no more than a send buffer of 4 MiB explains, however much was taken before', () => {
    const { readBy } = new KernelProgress(1000 * MiB, 1000)
    expect(readBy).to.equal(1000 + (2 * MiB) / SLOWEST)
  })

  it('keeps its instants where the kernel took nothing', () => {
    const progress = new KernelProgress(40_000, 0)
    progress.took(0, 40_000, 5000)
    expect(progress).to.deep.include({ movedAt: 0, readBy: 10_000 })
  })

  it('lets each byte taken buy time, on top of what is left', () => {
    const progress = new KernelProgress(4 * MiB, 0)
    const { readBy } = progress
    progress.took(3000, 4 * MiB, 5000)
    expect(progress).to.deep.include({ movedAt: 5000, readBy: readBy + 1500 })
  })

  it('counts from now where the time bought before has run out', () => {
    const progress = new KernelProgress(40_000, 0)
    progress.took(3000, 43_000, 60_000)
    expect(progress.readBy).to.equal(61_500)
  })

  it('does not save up time beyond half a buffer', () => {
    const progress = new KernelProgress(4 * MiB, 0)
    for (let now = 100; now <= 1000; now += 100) progress.took(MiB, 14 * MiB, now)
    expect(progress.readBy).to.equal(1000 + (2 * MiB) / SLOWEST)
  })
})
