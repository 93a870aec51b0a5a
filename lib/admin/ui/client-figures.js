import { figure, write } from './dom.js'
import { percent, span } from './format.js'
import { visible } from './text.js'

/** Texts about one client that several views share. */

/**
 * Predicted wait of cosmetic messages from which a client counts as slow: half the default
 * `maxAge`.
 */
const SLOW_MS = 1000

export const hashOf = (id) => `#/clients/${encodeURIComponent(id)}`

export function nameOf({ address, id }) {
  return address === null ? `client ${visible(id, 40)}` : visible(address, 60)
}

export function agentOf({ userAgent }, longest) {
  return userAgent === null ? 'no user agent' : visible(userAgent, longest)
}

/** Text of the closing that the server is about to do; `undefined` if it isn't soon. */
export function outlookOf({ sinceProgress, closesIn }, { stallAfter }) {
  if (closesIn === null || closesIn > stallAfter / 2) return undefined
  return `will be closed ${soon(closesIn)}: no progress for ${span(sinceProgress)}`
}

/**
 * Text of a time until a closing, to the second: the server looks for clients to close once a
 * second.
 */
export const soon = (ms) => (ms < 1000 ? 'within 1 s' : `in ${span(ms)}`)

/** Whether a message emitted now would be shed or late for this client. */
export function isSlow({ congested, state, stalling, losing, wait }) {
  return congested || stalling || losing || state === 'blocked' || wait.cosmetic > SLOW_MS
}

/** Text of a stall or loss, which the client's state doesn't show; `undefined` without one. */
export function troubleOf({ stalling, stalledFor, losing, lossShare }, { mode }) {
  if (stalling) return `has not answered for ${span(stalledFor)}`
  if (!losing) return undefined
  const verb = mode === 'observe' ? 'would lose' : 'loses'
  return `${verb} ${percent(lossShare)} of what it is offered`
}

/** Longest text that is shown in full; longer than any that the server composes. */
const WHY_LENGTH = 300

export const whyOf = ({ why }) => visible(why, WHY_LENGTH)

/** Text of a table row: why the client is not sent to at once, and what is shed for it. */
export function wordsOf(client, context) {
  const outlook = outlookOf(client, context)
  if (outlook !== undefined) return outlook
  const trouble = troubleOf(client, context)
  if (client.stalling) return trouble
  const why = whyOf(client)
  return trouble === undefined ? why : `${why}; ${trouble}`
}

/** Shows a client's state, and the chips `congested` and `losing`, in an element. */
export function showState(root, { state, congested, losing }) {
  const chip = figure(root, 'state')
  write(chip, visible(state, 20))
  chip.dataset.state = state
  figure(root, 'congested').hidden = !congested
  figure(root, 'losing').hidden = !losing
}
