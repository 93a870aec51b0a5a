import { expect } from 'chai'
import {
  ERRORS,
  describe as name,
  refuse,
  SpillwayError,
  toError,
  verbatim,
} from '../../lib/base/errors.ts'

describe('Errors', () => {
  describe('SpillwayError', () => {
    it('is an error with a stable code', () => {
      const cause = new Error('below')
      const error = new SpillwayError('SPILLWAY_INVALID_OPTION', 'no', { cause })
      expect(error).to.be.instanceOf(Error)
      expect(error).to.include({ name: 'SpillwayError', code: 'SPILLWAY_INVALID_OPTION', cause })
    })

    it('has codes of one form, each with a sentence', () => {
      for (const [code, meaning] of Object.entries(ERRORS)) {
        expect(code).to.match(/^SPILLWAY_[A-Z]+(_[A-Z]+)*$/)
        expect(meaning).to.match(/^\S.{10,90}[^.]$/)
      }
    })
  })

  describe('refuse', () => {
    it('says where the mistake is, what was given and what is allowed', () => {
      const error = refuse('SPILLWAY_INVALID_OPTION', 'grace', -1, 'an integer')
      expect(error.message).to.equal('grace: was given -1; allowed: an integer')
    })

    it('cleans and cuts keys that somebody else has made up', () => {
      const clean = refuse('SPILLWAY_INVALID_OPTION', 'query.\u001b[31m\u202e\u2028', 1, 'a key')
      expect(clean.message).to.equal('query.\ufffd[31m\ufffd\ufffd: was given 1; allowed: a key')
      const long = refuse('SPILLWAY_INVALID_OPTION', 'x'.repeat(1000), 1, 'a key')
      expect(long.message).to.have.length.below(250)
    })
  })

  describe('describe', () => {
    class Lobby {}
    const NAMED: ReadonlyArray<[value: unknown, words: string]> = [
      [undefined, 'undefined'],
      [null, 'null'],
      [true, 'true'],
      [1.5, '1.5'],
      [-0, '0'],
      [Number.NaN, 'NaN'],
      [7n, '7n'],
      [Symbol('s'), 'Symbol(s)'],
      ['a "b"\n', '"a \\"b\\"\\n"'],
      ['x'.repeat(60), `"${'x'.repeat(60)}"`],
      ['x'.repeat(61), `"${'x'.repeat(60)}"…`],
      [[], 'an array of 0'],
      [[1, 2], 'an array of 2'],
      [{ secret: 1 }, 'an object'],
      [Object.create(null), 'an object'],
      [Object.create({ constructor: 1 }), 'an object that inherits from another one'],
      [new Lobby(), 'an instance of Lobby'],
      [new Map(), 'an instance of Map'],
      [/^a/, '/^a/'],
      [Lobby, 'function Lobby'],
      [(() => () => {})(), 'a function'],
      [verbatim('a second one'), 'a second one'],
    ]
    for (const [value, words] of NAMED) {
      it(`names ${words}`, () => {
        expect(name(value)).to.equal(words)
      })
    }

    it('runs no code of the value', () => {
      const fails = () => {
        throw new Error('was run')
      }
      const value = { toString: fails, toJSON: fails, [Symbol.toPrimitive]: fails }
      expect(name(value)).to.equal('an object')
      expect(name(Object.assign([1], value))).to.equal('an array of 1')
    })
  })

  describe('toError', () => {
    it('lets an error be, and names anything else', () => {
      const error = new RangeError('x')
      expect(toError(error)).to.equal(error)
      expect(toError('x')).to.be.instanceOf(Error).with.property('message', '"x"')
      expect(toError({ a: 1 })).to.have.property('message', 'an object')
      expect(toError(undefined)).to.have.property('message', 'undefined')
    })
  })
})
