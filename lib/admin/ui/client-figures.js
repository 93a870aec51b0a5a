import { figure, write } from './dom.js'
import { percent, span } from './format.js'
import { visible } from './text.js'

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

/** Longer than all that is said of a state, a path and its noise. */
const WHY_LENGTH = 300

export const whyOf = ({ why }) => visible(why, WHY_LENGTH)

/** Why it is not sent to at once, and what it loses, for a line of a table. */
export function wordsOf(client, context) {
  const outlook = outlookOf(client, context)
  if (outlook !== undefined) return outlook
  const trouble = troubleOf(client, context)
  if (client.stalling) return trouble
  const why = whyOf(client)
  return trouble === undefined ? why : `${why}; ${trouble}`
}

/** The chips in an element: its state, and whether it is congested or losing what it is offered. */
export function showState(root, { state, congested, losing }) {
  const chip = figure(root, 'state')
  write(chip, visible(state, 20))
  chip.dataset.state = state
  figure(root, 'congested').hidden = !congested
  figure(root, 'losing').hidden = !losing
}
