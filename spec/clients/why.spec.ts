import { expect } from 'chai'
import { whyItWaits, whyShed } from '../../lib/clients/why.ts'

describe('Why', () => {
  it('a client waits is its state, and what its path needs where that is much', () => {
    expect(whyItWaits('ready', { pathNeed: 0, noise: 0 })).to.equal('sends at once')
    expect(whyItWaits('ready', { pathNeed: null, noise: 0 })).to.equal('sends at once')
    expect(whyItWaits('ready', { pathNeed: 15_030, noise: 0 })).to.equal(
      'sends at once; the path needs 15.0 s for what is buffered',
    )
    expect(whyItWaits('windowed', { pathNeed: 2140, noise: 0 })).to.equal(
      'cosmetic messages wait for what is in flight; the path needs 2.1 s for what is buffered',
    )
    expect(whyItWaits('closed', { pathNeed: 2140, noise: 0 })).to.equal('is being closed')
  })

  it('a client waits tells noise apart from what its path needs', () => {
    expect(whyItWaits('ready', { pathNeed: 10, noise: 40 })).to.equal('sends at once')
    expect(whyItWaits('ready', { pathNeed: 10, noise: 120 })).to.equal(
      'sends at once; the path is noisy, answers are late by up to 120 ms',
    )
    expect(whyItWaits('windowed', { pathNeed: 400, noise: 1200 })).to.equal(
      'cosmetic messages wait for what is in flight; the path is noisy, answers are late by up to 1.2 s; the path needs 400 ms for what is buffered',
    )
  })

  it('a message was shed is its outcome, its age, and what the path needed where that was much', () => {
    expect(whyShed({ outcome: 'dropped', age: 0, pathNeed: 4200 })).to.equal(
      'there was no room; the path needed 4.2 s for what was buffered',
    )
    expect(whyShed({ outcome: 'expired', age: 2040, pathNeed: null })).to.equal(
      'out of date after 2.0 s',
    )
    expect(whyShed({ outcome: 'conflated', age: 40, pathNeed: 20 })).to.equal(
      'replaced after 40 ms',
    )
  })
})
