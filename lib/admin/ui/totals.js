import { nameOf, outlookOf } from './client-figures.js'
import { byId, figure, write } from './dom.js'
import { keyOf } from './rates.js'
import { visible } from './text.js'
import { bytes, count, perSecond, plural, span } from './words.js'

/** The figures in the page's head, and what they come to in a sentence or two. */

const root = byId('totals')
const mode = byId('mode')
const verdict = byId('verdict')

/** @param rates `undefined` until there are two answers to compare */
export function showTotals(stats, rates) {
  const observes = stats.mode === 'observe'
  root.hidden = false
  mode.hidden = false
  write(mode, stats.mode)
  mode.dataset.mode = stats.mode
  say('connected', count(stats.clients.connected))
  say('congested', count(stats.clients.congested), stats.clients.congested > 0)
  say('waiting', count(stats.clients.waiting))
  say('blind', count(stats.census.blind))
  say('buffered', bytes(stats.buffered))
  say('rss', bytes(stats.memory.rss))
  say('shedLabel', observes ? 'Would be shed' : 'Shed')
  if (!rates) return
  const shed = observes ? rates.observed : rates.shed
  say('sent', perSecond(rates.sent))
  say('shed', perSecond(shed), shed > 0)
}

function say(name, words, alarm = false) {
  const place = figure(root, name)
  write(place, words)
  place.closest('[data-alarm]')?.classList.toggle('alarm', alarm)
}

/**
 * Who is slow, what is shed, and who is about to be closed.
 *
 * @param top the clients that most is buffered for
 */
export function showVerdict(stats, rates, top) {
  const closing = top.filter((client) => outlookOf(client, stats))
  write(
    verdict,
    [slowWords(stats, top), shedWords(stats, rates), closingWords(stats, closing)].join(' '),
  )
  const slow = stats.clients.congested > 0
  verdict.dataset.level = closing.length > 0 ? 'limit' : slow ? 'high' : 'calm'
}

function slowWords({ clients: { connected, congested } }, top) {
  if (connected === 0) return 'No clients are connected.'
  if (congested === 0) return `No client is congested, of ${count(connected)}.`
  const [slowest] = top
    .filter(({ congested: is, wait }) => is && wait.critical !== null)
    .sort((a, b) => b.wait.critical - a.wait.critical)
  const share = `${count(congested)} of ${plural(connected, 'client')} ${congested === 1 ? 'is' : 'are'} congested`
  if (!slowest) return `${share}.`
  return `${share}; a critical message would wait longest for ${nameOf(slowest)}, ${span(slowest.wait.critical)}.`
}

function shedWords({ mode, events }, rates) {
  if (!rates) return ''
  const kind = mode === 'observe' ? 'observed' : 'shed'
  if (rates[kind] === 0)
    return mode === 'observe' ? 'Nothing would be shed now.' : 'Nothing is shed now.'
  const rateOf = (row) => rates.events.get(keyOf(row))?.[kind] ?? 0
  const [event] = events.toSorted((a, b) => rateOf(b) - rateOf(a))
  const verb = mode === 'observe' ? 'would be shed' : 'are shed'
  return `${perSecond(rates[kind])} messages a second ${verb}, most of them ${visible(event.event, 40)}.`
}

function closingWords({ mode }, closing) {
  if (mode === 'observe') return 'Mode observe closes nobody.'
  if (closing.length === 0) return 'Nobody is about to be closed.'
  const [first] = closing
  const others = closing.length === 1 ? '' : ` and ${count(closing.length - 1)} more`
  return `About to be closed: ${nameOf(first)}${others}.`
}
