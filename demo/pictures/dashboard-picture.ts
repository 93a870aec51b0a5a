import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { openCamera } from './camera.ts'
import { startScene } from './dashboard.ts'

/** Takes the pictures of the dashboard: `npx tsx demo/pictures/dashboard-picture.ts`. */

/** Enough for the charts to be full. */
const UNDER_LOAD_MS = 302_000
/** The client in the tunnel is about to be closed every 20 s or so. */
const LONGEST_MS = 60_000

/** Bytes a second: the client in the tunnel has less, and does not last until the picture. */
const KEEPS_UP_A_LITTLE = 5000

const DESK = { width: 1280, height: 940 }
const PHONE = { width: 390, height: 844 }

const { lobby, close } = await startScene()
const camera = await openCamera()
try {
  const url = `${lobby.url}/spillway/ui`
  const overview = await camera.open(url, DESK)
  const phone = await camera.open(url, PHONE)
  const client = await camera.open(`${url}#/clients/${await slowest()}`, DESK)
  await sleep(UNDER_LOAD_MS)
  await client.mouse.move(0, 0)
  await camera.take(client, 'dashboard-client.png')
  await untilSomebodyIsAboutToBeClosed(overview)
  await camera.take(overview, 'dashboard.png', { fullPage: false })
  await camera.take(phone, 'dashboard-phone.png', { fullPage: false })
  await overview.emulateMedia({ colorScheme: 'dark' })
  await sleep(1000) // one more round of figures, in other colours
  await camera.take(overview, 'dashboard-dark.png')
} finally {
  await camera.close()
  await close()
}

/** Of those that keep up a little. */
async function slowest(): Promise<string> {
  for (;;) {
    const waitOf = (id: string) => {
      const client = lobby.app.spillway.client(id)
      return client && (client.rate ?? 0) > KEEPS_UP_A_LITTLE ? (client.wait.cosmetic ?? 0) : 0
    }
    const ids = [...lobby.app.spillway.clients()].map(({ id }) => id)
    const [first] = ids.toSorted((a, b) => waitOf(b) - waitOf(a))
    if (first !== undefined && waitOf(first) > 5000) return first
    await sleep(100)
  }
}

async function untilSomebodyIsAboutToBeClosed(page: Page): Promise<void> {
  await page
    .locator('#verdict[data-level=limit]')
    .waitFor({ timeout: LONGEST_MS })
    .catch(() => console.error('nobody is about to be closed'))
}
