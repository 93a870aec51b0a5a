import { byId, figure, write } from './dom.js'
import { bytes, count, perSecond } from './format.js'
import { visible } from './text.js'

/** Shows the totals in the page's head. */

const root = byId('totals')
const mode = byId('mode')

/** @param rates `undefined` until there are two totals to compare */
export function showTotals(stats, rates) {
  const observes = stats.mode === 'observe'
  root.hidden = false
  mode.hidden = false
  write(mode, visible(stats.mode, 20))
  mode.dataset.mode = stats.mode
  say('connected', count(stats.clients.connected))
  say('congested', count(stats.clients.congested), stats.clients.congested > 0)
  say('queueing', count(stats.census.queueing))
  say('blind', count(stats.census.blind))
  say('buffered', bytes(stats.buffered))
  say('rss', bytes(stats.memory.rss))
  say('shedLabel', observes ? 'Would be shed' : 'Shed')
  if (!rates) {
    say('sent', '–')
    return say('shed', '–')
  }
  const shed = observes ? rates.observed : rates.shed
  say('sent', perSecond(rates.sent))
  say('shed', perSecond(shed), shed > 0)
}

function say(name, words, alarm = false) {
  const place = figure(root, name)
  write(place, words)
  place.closest('[data-alarm]')?.classList.toggle('alarm', alarm)
}
