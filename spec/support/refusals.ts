import { expect } from 'chai'
import { type ErrorCode, SpillwayError } from '../../lib/base/errors.ts'

/** The refusal that a call throws; fails if it throws none, or something else. */
export function refusalOf(call: () => unknown): SpillwayError {
  try {
    call()
  } catch (thrown) {
    expect(thrown).to.be.instanceOf(SpillwayError)
    return thrown as SpillwayError
  }
  throw new Error('nothing was refused')
}

/** The same of a promise. */
export async function refusalOfPromise(promise: PromiseLike<unknown>): Promise<SpillwayError> {
  const outcome = await Promise.resolve(promise).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(outcome).to.be.instanceOf(SpillwayError)
  return outcome as SpillwayError
}

/** Holds code and sentence: the option's path, what was given, and what is allowed. */
export function expectRefusal(
  refusal: SpillwayError,
  code: ErrorCode,
  path: string,
  given: string,
  allowed: string | RegExp,
): void {
  expect(refusal).to.have.property('code', code)
  const sentence = `${path}: was given ${given}; allowed: `
  expect(refusal.message.slice(0, sentence.length)).to.equal(sentence)
  const rest = refusal.message.slice(sentence.length)
  if (typeof allowed === 'string') expect(rest).to.equal(allowed)
  else expect(rest).to.match(allowed)
}
