import { inspect } from 'node:util'
import { expect } from 'chai'
import { stateOf } from '../../lib/base/promise-state.ts'

class Named extends Promise<unknown> {}

describe('stateOf', () => {
  const never = (): Promise<unknown> => new Promise(() => {})

  it('tells what nobody has answered yet', async () => {
    let resolve!: (value: string) => void
    const promise = new Promise<string>((yes) => {
      resolve = yes
    })
    expect(stateOf(promise)).to.equal('pending')
    resolve('now')
    expect(stateOf(promise)).to.equal('fulfilled')
    expect(stateOf(new Named(() => {}))).to.equal('pending')
    const tag = { [Symbol.toStringTag]: { value: 'x' }, y: { value: 1, enumerable: true } }
    expect(stateOf(Object.defineProperties(never(), tag))).to.equal('pending')
  })

  it('tells what was refused', async () => {
    for (const error of [new Error('{ <pending>'), '<pending>', undefined, { a: 1 }]) {
      const promise = Promise.reject(error)
      promise.catch(() => {})
      expect(stateOf(promise)).to.equal('rejected')
    }
  })

  it('is not misled by any value', () => {
    const values = [
      ...['<pending>', '{ <pending> }', '', undefined, null, 0, Symbol('<pending>'), never()],
      ...[{ a: never() }, [never()], new Error('<pending>'), () => never(), Buffer.alloc(9)],
      { [inspect.custom]: () => '<pending>' },
      { [Symbol.toStringTag]: '<pending>' },
    ]
    for (const value of values) {
      // a promise would be waited for
      const promise = value instanceof Promise ? Promise.resolve([value]) : Promise.resolve(value)
      expect(stateOf(promise), String(inspect(value))).to.equal('fulfilled')
    }
    expect(stateOf(Named.resolve({ x: '<rejected>' }))).to.equal('fulfilled')
  })

  it('runs nothing of the value', () => {
    const value = {
      get a(): never {
        throw new Error('run')
      },
      [inspect.custom]: (): never => {
        throw new Error('run')
      },
    }
    expect(stateOf(Promise.resolve(value))).to.equal('fulfilled')
  })
})
