import { Panel } from '/panel.js'
import { bytes } from '/spillway/ui/format.js'

const POLL_MS = 500

const WORDS = {
  enforce: 'Cosmetic messages are shed for a client that cannot keep up.',
  observe: 'Everything is sent, as without the plugin; what would have been shed is only counted.',
}

const byId = (id) => document.getElementById(id)

async function ask(path, body) {
  const response = await fetch(path, body && { method: 'POST', ...body })
  return response.ok ? response.json() : null
}

function openPanels({ wifi }) {
  const rate = wifi.bytesPerSecond / 1000
  byId('wifi-rate').textContent = String(rate)
  return [
    { name: 'Fibre', link: 'straight to the server', url: location.origin },
    { name: 'Hotel Wi-Fi', link: `${rate} KB/s, real TCP backpressure`, url: wifi.url },
  ].map((about) => {
    byId('panels').append(byId('panel').content.cloneNode(true))
    return new Panel(byId('panels').lastElementChild, about)
  })
}

/** Only what changed, so that screen readers are not told the same again. */
function write(id, words) {
  if (byId(id).textContent !== words) byId(id).textContent = words
}

function showState(state) {
  for (const radio of document.querySelectorAll('[name=mode]')) {
    radio.checked = radio.value === state.mode
  }
  write('mode-words', [state.notice, WORDS[state.mode]].filter(Boolean).join(' '))
  const seconds = Math.ceil((state.returnsIn ?? 0) / 1000)
  write('countdown', state.returnsIn === null ? '' : `Back to enforce in ${seconds} s.`)
  write('rss', bytes(state.rss))
  write('load', state.loadRunning ? 'running' : 'ended')
  byId('again').hidden = state.loadRunning
}

async function refresh(panels, state) {
  showState(state)
  const answers = await Promise.all(panels.map(({ statsPath }) => statsPath && ask(statsPath)))
  for (const [index, panel] of panels.entries()) panel.show(answers[index], state, panels[0])
  if (answers.includes(null)) {
    const { closed } = await ask('/spillway/closed')
    for (const panel of panels) panel.tell(closed)
  }
}

const panels = openPanels(await ask('/demo/state'))

byId('mode').addEventListener('change', async ({ target }) => {
  const headers = { 'content-type': 'application/json' }
  await ask('/demo/mode', { headers, body: JSON.stringify({ mode: target.value }) })
  showState(await ask('/demo/state'))
})
byId('again').addEventListener('click', async () => {
  await ask('/demo/load', {})
  showState(await ask('/demo/state'))
})

for (;;) {
  try {
    await refresh(panels, await ask('/demo/state'))
  } catch {
    write('load', 'the server does not answer')
  }
  await new Promise((resolve) => setTimeout(resolve, POLL_MS))
}
