import { expect } from 'chai'
import { eventually, startServer } from '../../support/servers/server.ts'

const KB = 1000

/** @returns how many polls it took a client until it had so many messages that came in one tick */
async function pollsFor(
  options: Parameters<typeof startServer>[0],
  messages: number,
): Promise<number> {
  const fixture = await startServer(options)
  try {
    fixture.io.on('connection', (socket) => socket.on('ready', (answer: () => void) => answer()))
    const client = await fixture.client({ transports: ['polling'] })
    let received = 0
    client.on('part', () => received++)
    await client.emitWithAck('ready')
    // and polls again
    await eventually(() => [...fixture.io.sockets.sockets.values()][0]!.conn.transport.writable)
    let polls = 0
    fixture.io.engine.on('headers', (_headers: unknown, { method }: { method?: string }) => {
      if (method === 'GET') polls++
    })
    for (let n = 0; n < messages; n++) fixture.io.emit('part', 'x'.repeat(20 * KB))
    await eventually(() => received === messages)
    return polls
  } finally {
    await fixture.close()
  }
}

describe('Over polling', () => {
  for (const messages of [1, 2, 100]) {
    it(`${messages} messages of a tick take no more polls than without the plugin`, async () => {
      const plain = await pollsFor('plain', messages)
      expect(await pollsFor({ watermarks: {} }, messages)).to.equal(plain)
    })
  }
})
