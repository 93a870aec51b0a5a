import { expect } from 'chai'
import { definedIn } from '../../lib/base/defined-in.ts'

describe('definedIn', () => {
  it('leaves out what is undefined, and nothing else', () => {
    expect(definedIn({ a: undefined, b: null, c: 0, d: '' })).to.deep.equal({
      b: null,
      c: 0,
      d: '',
    })
    expect(definedIn(undefined)).to.deep.equal({})
  })
})
