import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { messages } from '../support/messages.ts'
import { eventually, startServer } from '../support/servers/server.ts'

const program = fileURLToPath(new URL('../support/process/counting-clients.ts', import.meta.url))

const CLIENTS = 5
const BURSTS = 40
const BURST = 10
/** For so long the event loop is blocked after each burst, milliseconds. */
const BLOCKED = 50
const padding = 'x'.repeat(2000)

/** Blocks the event loop of the server. */
function block(): void {
  for (const until = performance.now() + BLOCKED; performance.now() < until; );
}

/** @returns the cosmetic messages that each client has received in the end */
async function receivedOver(
  transport: 'polling' | 'websocket',
  options: Parameters<typeof startServer>[0],
): Promise<number[]> {
  const fixture = await startServer(options)
  const clients = fork(program, [fixture.url, transport, String(CLIENTS)], {
    execArgv: ['--import=tsx'],
  })
  try {
    await once(clients, 'message')
    for (let burst = 0; burst < BURSTS; burst++) {
      for (let n = 0; n < BURST; n++) fixture.io.emit('reel:frame', { n, pad: padding })
      block()
      await sleep(1)
    }
    // a critical message would overtake what waits
    await eventually(() => [...(fixture.spillway?.clients() ?? [])].every((each) => !each.queued))
    fixture.io.emit('jackpot:won', { n: 1 })
    const [frames] = await once(clients, 'message')
    return frames
  } finally {
    clients.disconnect()
    await fixture.close()
  }
}

describe('Behind a server whose event loop is blocked nearly all the time', function () {
  this.timeout(30_000)

  for (const transport of ['polling', 'websocket'] as const) {
    it(`a client that keeps up receives all over ${transport}, as without the plugin`, async () => {
      const plain = await receivedOver(transport, 'plain')
      // however slow this machine is, nothing is out of date
      const options = { messages, watermarks: {}, maxAge: 60_000 }
      expect(await receivedOver(transport, options)).to.deep.equal(plain)
    })
  }
})
