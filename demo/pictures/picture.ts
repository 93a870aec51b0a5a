import { setTimeout as sleep } from 'node:timers/promises'
import { startLive } from '../live.ts'
import { openCamera } from './camera.ts'

/** Takes the pictures of the demo that the documentation shows: `npx tsx demo/pictures/picture.ts`. */

const VIEWPORT = { width: 1200, height: 1000 }
/** Enough for the charts to be full. */
const UNDER_LOAD_MS = 62_000

const live = await startLive({ port: 0, seconds: 120 })
const camera = await openCamera()
try {
  const page = await camera.open(live.url, VIEWPORT)
  await sleep(UNDER_LOAD_MS)
  for (const [colorScheme, file] of [
    ['light', 'demo.png'],
    ['dark', 'demo-dark.png'],
  ] as const) {
    await page.emulateMedia({ colorScheme })
    await sleep(1000) // one more round of figures
    await camera.take(page, file)
  }
} finally {
  await camera.close()
  await live.close()
}
