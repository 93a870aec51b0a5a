import { write } from './dom.js'
import { visible } from './text.js'
import { percent, span } from './words.js'

/** What several places say of one client. */

/** Half of the default `maxAge`. */
const SLOW_MS = 1000

export const hashOf = (id) => `#/clients/${encodeURIComponent(id)}`

export function nameOf({ address, id }) {
  return address === null ? `client ${visible(id, 40)}` : visible(address, 60)
}

export function agentOf({ userAgent }, longest) {
  return userAgent === null ? 'no user agent' : visible(userAgent, longest)
}

/** What the server is about to do to it, in words; `undefined` if nothing. */
export function outlookOf({ sinceProgress, closesIn }, { stallAfter }) {
  if (closesIn === null || closesIn > stallAfter / 2) return undefined
  return `will be closed ${soon(closesIn)}: no progress for ${span(sinceProgress)}`
}

/** Who has to be closed is looked for about once a second. */
export const soon = (ms) => (ms < 1000 ? 'within 1 s' : `in ${span(ms)}`)

/** Whether it keeps up with nothing: what is emitted now is lost, or old when it leaves. */
export function isSlow({ congested, state, stalling, losing, wait }) {
  return congested || stalling || losing || state === 'blocked' || wait.cosmetic > SLOW_MS
}

/** Why it is slow, where its state does not say so; `undefined` if it does. */
export function troubleOf({ stalling, stalledFor, losing, lossShare }, { mode }) {
  if (stalling) return `has not answered for ${span(stalledFor)}`
  if (!losing) return undefined
  const verb = mode === 'observe' ? 'would lose' : 'loses'
  return `${verb} ${percent(lossShare)} of what it is offered`
}

/** The chip of a state, and whether the client is congested. */
export function showState(state, congested, client) {
  write(state, visible(client.state, 20))
  state.dataset.state = client.state
  congested.hidden = !client.congested
}
