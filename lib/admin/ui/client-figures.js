import { visible } from './text.js'
import { bytes, span } from './words.js'
import { zoneOf } from './zones.js'

/** What several places say of one client. */

/** A slow path answers now and then; a client that was silent for longer may be gone. */
const SILENT_MS = 5000
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
export function outlookOf({ buffered, inFlight, sinceProgress }, { mode, watermarks }) {
  if (mode === 'observe') return undefined // in which nobody is closed
  const silence = `none for ${span(sinceProgress)}`
  if (zoneOf(buffered, watermarks) === 'limit') {
    return `above limit, closed unless it makes progress: ${silence}`
  }
  if (inFlight === 0 || sinceProgress < SILENT_MS) return undefined
  return `${bytes(inFlight)} in flight, closed unless it makes progress: ${silence}`
}

/** Congested, or so that what is emitted now would be old when it leaves. */
export function isSlow({ congested, state, wait }) {
  return congested || state === 'blocked' || wait.cosmetic > SLOW_MS
}

/** The chip of a state, and whether the client is congested. */
export function showState(state, congested, client) {
  if (state.textContent !== client.state) state.textContent = client.state
  state.dataset.state = client.state
  congested.hidden = !client.congested
}
