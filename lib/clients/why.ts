import type { SendState, ShedOutcome } from '../base/outcomes.ts'
import type { Millis } from '../base/units.ts'

/** Reasons why messages wait or were shed, in sentences for people. */

/** How long the path to a client needs, as far as known, in milliseconds. */
export interface PathNeed {
  /** Time for everything that is buffered; null while the rate is unknown. */
  readonly pathNeed: Millis | null
}

/** The same with the noise of the path: how late answers may be by themselves. */
export interface PathState extends PathNeed {
  readonly noise: Millis
}

const STATES: Record<SendState, string> = {
  ready: 'sends at once',
  windowed: 'cosmetic messages wait for what is in flight',
  blind: 'sends by what its kernel socket takes: the client does not answer markers',
  blocked: 'waits until the transport has taken what was handed to it',
  closed: 'is being closed',
}

/** A shorter time is no reason to wait: it is about the round trip of a client that keeps up. */
const LITTLE: Millis = 100
/** Less noise is not mentioned: the time of single packets looks like it on a slow path. */
const QUIET: Millis = 50

/** Whether a message that is emitted now would wait, for how long, and why. */
export function whyItWaits(state: SendState, { pathNeed, noise }: PathState): string {
  const words = STATES[state]
  if (state === 'closed') return words
  const isNoisy = noise >= QUIET
  const path = isNoisy ? `; the path is noisy, answers are late by up to ${inWords(noise)}` : ''
  if (pathNeed === null || pathNeed < LITTLE) return `${words}${path}`
  return `${words}${path}; the path needs ${inWords(pathNeed)} for what is buffered`
}

/** Why a message was shed. */
export function whyShed({
  outcome,
  age,
  pathNeed,
}: PathNeed & { readonly outcome: ShedOutcome; readonly age: Millis }): string {
  const isSlow = pathNeed !== null && pathNeed >= LITTLE
  const path = isSlow ? `; the path needed ${inWords(pathNeed)} for what was buffered` : ''
  if (outcome === 'dropped') return `there was no room${path}`
  const waited = `after ${inWords(age)}`
  return outcome === 'expired' ? `out of date ${waited}${path}` : `replaced ${waited}${path}`
}

function inWords(span: Millis): string {
  return span < 1000 ? `${Math.round(span)} ms` : `${(span / 1000).toFixed(1)} s`
}
