import { MiB } from '../../lib/base/units.ts'
import { messages } from '../support/messages.ts'
import { often } from '../support/thorough.ts'

/** Of every server that something breaks at. */
export const OPTIONS = { messages, stallAfter: 2000, grace: 0 }

/**
 * Nothing critical is to close a client that stays, however busy the machine is; who has more than
 * `high` is congested, however fast its path.
 */
export const WATERMARKS = {
  low: 65_536,
  high: 131_072,
  limit: 64 * MiB,
  emergency: 512 * MiB,
  horizon: 0,
}

/** For those of whom nothing is heard: the less is under way, the sooner it is clear that nothing arrives. */
export const NARROW = often({
  usually: { ...WATERMARKS, low: 4096, high: 8192 },
  thoroughly: WATERMARKS,
})
