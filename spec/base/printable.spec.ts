import { expect } from 'chai'
import { shown, shownIn } from '../../lib/base/printable.ts'

describe('shown', () => {
  it('cuts a text to 200 characters', () => {
    expect(shown('a'.repeat(200))).to.equal('a'.repeat(200))
    expect(shown('a'.repeat(201))).to.equal(`${'a'.repeat(200)}\u2026`)
  })

  it('replaces what acts instead of showing, each by one character', () => {
    const acting = ['\u001b', '\n', '\r', '\0', '\u007f', '\u009b', '\u202e', '\u2028', '\u200b']
    for (const each of acting) expect(shown(`a${each}b`)).to.equal('a\ufffdb')
  })

  it('leaves letters of any script, symbols and spaces as they are', () => {
    const text = 'jackpot:won é 東京 עברית 🎰 "<b>" \\n'
    expect(shown(text)).to.equal(text)
  })
})

describe('shownIn', () => {
  const ODD = 'a\u001b[2Jb'
  const SHOWN = 'a\ufffd[2Jb'

  it('shows keys and strings at any depth, and leaves the given value as it was', () => {
    const given = { [ODD]: ODD, list: [ODD, { deep: ODD }], n: 5, none: null, missing: undefined }
    expect(shownIn(given)).to.deep.equal({
      [SHOWN]: SHOWN,
      list: [SHOWN, { deep: SHOWN }],
      n: 5,
      none: null,
      missing: undefined,
    })
    expect(given.list[0]).to.equal(ODD)
    expect(shownIn(Object.assign(Object.create(null), { a: ODD }))).to.deep.equal({ a: SHOWN })
  })

  it('leaves a stack its lines, and other objects than plain ones as they are', () => {
    const stack = 'Error: no\n    at here'
    const error = new Error(ODD)
    const date = new Date(0)
    expect(shownIn({ stack, error, date })).to.deep.equal({ stack, error, date })
    expect(shownIn(error)).to.equal(error)
  })

  it('ends for an object that contains itself', () => {
    const given: Record<string, unknown> = { text: ODD }
    given.self = given
    expect(shownIn(given)).to.have.nested.property('self.self.self.text', SHOWN)
  })
})
