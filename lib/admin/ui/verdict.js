import { hashOf, isSlow, nameOf, outlookOf, soon, troubleOf } from './client-figures.js'
import { byId, figure, write } from './dom.js'
import { count, perSecond, plural, span } from './format.js'
import { keyOf } from './rates.js'
import { visible } from './text.js'

/**
 * The summary in three sentences: which clients are slow, what is shed, which are about to be
 * closed.
 */

const root = byId('verdict')

const say = (name, words) => write(figure(root, name), words)

/**
 * @param rates `undefined` until there are two totals to compare
 * @param watched the clients that are worst off, the worst first; `undefined` until the first answer
 */
export function showVerdict(stats, rates, watched) {
  const closing = watched?.filter((client) => outlookOf(client, stats)) ?? []
  const slow = watched?.filter((client) => isSlow(client) || closing.includes(client)) ?? []
  root.dataset.level = closing.length > 0 ? 'limit' : slow.length > 0 ? 'high' : 'calm'
  if (watched) showSlow(stats, slow, watched)
  if (watched) showClosing(stats, closing, closing.length === watched.length)
  if (rates) say('shed', shedWords(stats, rates))
}

function showSlow(stats, slow, watched) {
  const { connected, congested } = stats.clients
  if (slow.length === 0) {
    say('slow', connected === 0 ? 'No clients are connected.' : `${allOf(connected)} up.`)
    say('waits', '')
    return link('slowest')
  }
  const { stalling, losing } = stats.census
  // there may be more slow clients than those on the first page
  const more = slow.length === watched.length && connected > slow.length
  const least = more ? Math.max(slow.length, congested, stalling, losing) : slow.length
  const number = `${more ? 'At least ' : ''}${count(least)} of ${plural(connected, 'client')}`
  const [slowest] = slow
  say('slow', `${number} ${least === 1 ? 'is' : 'are'} slow, above all`)
  link('slowest', slowest)
  say('waits', `${slowWords(slowest, stats)}.`)
}

const allOf = (connected) =>
  connected === 1 ? 'The one client keeps' : `All ${count(connected)} clients keep`

function slowWords(client, stats) {
  const { stalling, wait } = client
  const trouble = troubleOf(client, stats)
  if (stalling) return `, which ${trouble}`
  const and = trouble === undefined ? '' : `, and which ${trouble}`
  if (wait.critical === null) return `, whose rate is not known yet${and}`
  return `, for which critical messages wait ${span(wait.critical)} and cosmetic ones ${span(wait.cosmetic)}${and}`
}

function shedWords({ mode, events }, rates) {
  const observes = mode === 'observe'
  const kind = observes ? 'observed' : 'shed'
  if (rates[kind] === 0) return observes ? 'Nothing would be shed now.' : 'Nothing is shed now.'
  const rateOf = (row) => rates.events.get(keyOf(row))?.[kind] ?? 0
  const [event] = events.toSorted((a, b) => rateOf(b) - rateOf(a))
  const verb = observes ? 'would be shed' : 'are shed'
  return `${perSecond(rates[kind])} messages a second ${verb}, most of them ${visible(event.event, 40)}.`
}

/** @param atLeast whether more clients than the watched ones may be about to be closed */
function showClosing({ mode, clients }, closing, atLeast) {
  const least = atLeast && clients.connected > closing.length ? 'at least ' : ''
  const others = closing.length > 1 ? `, and ${least}${count(closing.length - 1)} more` : ''
  const [first] = closing.toSorted((a, b) => a.closesIn - b.closesIn)
  link('first', first)
  say('more', first ? ` ${soon(first.closesIn)}${others}.` : '')
  if (mode === 'observe') say('closing', 'Mode observe closes nobody.')
  else say('closing', closing.length > 0 ? 'About to be closed:' : 'Nobody is about to be closed.')
}

/** Updates a link to a client. The element stays the same, so that it keeps the focus. */
function link(name, client) {
  const element = figure(root, name)
  element.hidden = client === undefined
  if (!client) return
  element.href = hashOf(client.id)
  write(element, `${nameOf(client)} (${visible(client.id, 24)})`)
}
