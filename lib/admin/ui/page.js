import { ask, Refused } from './api.js'
import { ClientPage } from './client-page.js'
import { byId, reachScrollers, write } from './dom.js'
import { Overview } from './overview.js'
import { Poll } from './poll.js'
import { Rates } from './rates.js'
import { StaleNotice } from './stale-notice.js'
import { askForToken, onTokenGiven } from './token.js'
import { showTotals } from './totals.js'

const EVERY_MS = 1000
/** Time without an answer that becomes a gap in the charts. */
const GAP_SECONDS = 5

const rates = new Rates()
const staleNotice = new StaleNotice(document.body, byId('reach'), 'Live')
const refusals = { onRefused: refuse, onChangeRefused: () => offerOtherToken() }
const overview = new Overview(refusals)
const clientPage = new ClientPage(refusals)
let answeredAt
/** The current view; `undefined` until the first answer. */
let view

const totals = new Poll({
  every: EVERY_MS,
  task: async (signal) => show(await ask('', { signal })),
  onFailure: (error) => (error instanceof Refused ? refuse(error) : staleNotice.lost(error)),
})

function show(stats) {
  const now = performance.now() / 1000
  if (now - answeredAt > GAP_SECONDS) {
    rates.clear()
    overview.interrupt(now)
  }
  answeredAt = now
  const grown = rates.add(stats, now)
  clientPage.context(stats)
  staleNotice.answered()
  if (!view) openView()
  showTotals(stats, grown)
  overview.show(stats, grown, now)
}

/** Opens the view of the page's address: `#/clients/<id>`, anything else is the overview. */
function openView() {
  const [, id] = /^#\/clients\/(.+)$/.exec(location.hash) ?? []
  view?.stop()
  document.title = 'Spillway'
  view = id === undefined ? overview : clientPage
  view.start(decoded(id))
}

function decoded(id) {
  try {
    return id && decodeURIComponent(id)
  } catch {
    return id
  }
}

function refuse(refused) {
  totals.stop()
  view?.stop()
  overview.end()
  view = undefined
  byId('totals').hidden = true
  byId('other-token').hidden = true
  write(byId('reach'), '')
  askForToken(refused)
}

function offerOtherToken() {
  byId('other-token').hidden = false
}

byId('other-token').addEventListener('click', () => refuse())
byId('skip').addEventListener('click', (event) => {
  event.preventDefault() // the hash names a view, so a link must not change it
  byId('main').focus()
})
addEventListener('hashchange', () => view && openView())
reachScrollers()
onTokenGiven(() => totals.start())
delete byId('reach').dataset.loading
document.body.classList.remove('lost')
write(byId('reach'), 'Connecting')
totals.start()
