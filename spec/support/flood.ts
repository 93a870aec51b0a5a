import type { Fixture, RawClient } from './server.ts'

/**
 * Stops a client from reading and fills the kernel's buffers between it and the server, until the
 * server's user space has to keep something back.
 */
export async function starve({ io, spillway }: Fixture, client: RawClient): Promise<void> {
  client.stall()
  const isBlocked = () => [...(spillway?.clients() ?? [])].some(({ state }) => state === 'blocked')
  // the kernel may still grow its buffers and take what is outstanding, so look again
  for (let blocked = 0; blocked < SETTLED; ) {
    if (isBlocked()) {
      blocked++
      await new Promise((resolve) => setTimeout(resolve, 5))
    } else {
      blocked = 0
      io.emit('filler', filler)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

/** Looks in a row, 5 ms apart, at which nothing was taken. */
const SETTLED = 20
const filler = 'x'.repeat(16 * 1024)
