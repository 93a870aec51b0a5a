import { MiB } from '../../../lib/base/units.ts'
import type { Fixture, RawClient } from '../servers/server.ts'

/** Watermarks that a full kernel buffer does not reach. */
export const BOUNDLESS = {
  low: 32 * MiB,
  high: 64 * MiB,
  limit: 256 * MiB,
  emergency: 512 * MiB,
  horizon: 0,
}

/**
 * Stops a client from reading and puts more in flight to it than its window lets be there: from
 * now on cosmetic messages wait.
 */
export function starve({ io }: Fixture, client: RawClient): void {
  client.stall()
  io.emit('filler', filler)
}

/**
 * Stops clients from reading and fills the kernel's buffers between them and the server, until user
 * space has to keep something back: from now on critical messages wait too. Needs
 * {@link BOUNDLESS} watermarks.
 */
export async function choke({ io, spillway }: Fixture, ...clients: RawClient[]): Promise<void> {
  for (const client of clients) client.stall()
  const isBlocked = () =>
    [...(spillway?.clients() ?? [])].filter(({ state }) => state === 'blocked').length >=
    clients.length
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
