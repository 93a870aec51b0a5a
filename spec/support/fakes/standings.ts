import fc from 'fast-check'
import type { Channel } from '../../../lib/channel/channel.ts'

/** What a listing and a census see of a client. */
export interface Standing {
  id: string
  buffered: number
  shed: number
  connectedAt: number
  rtt: number | undefined
  /** Bytes a millisecond. */
  rate: number | undefined
  /** Bytes of one cosmetic message; 0 if none is queued. */
  queued: number
  blind: boolean
  congested: boolean
  losing: boolean
  /** Milliseconds. */
  stalled: number
}

/** A client of such a standing. */
export function channelOf(standing: Standing): Channel {
  const { rtt, rate, queued, blind, losing, stalled, ...rest } = standing
  const none = { messages: 0, bytes: 0 }
  const cosmetic = { messages: queued > 0 ? 1 : 0, bytes: queued }
  const window = {
    path: { rtt, rate },
    blind,
    inFlight: standing.buffered,
    queueDelay: () => 1,
    late: () => undefined,
  }
  return {
    ...rest,
    sockets: { size: 1 },
    queued,
    critical: none,
    cosmetic,
    lanes: { critical: none, cosmetic },
    window,
    delivery: { window, stalledFor: () => owedBy(standing) },
    isStalling: () => owedBy(standing) >= STALLING,
    isLosing: () => losing,
    state: () => (blind ? 'blind' : 'ready'),
  } as unknown as Channel
}

/** Milliseconds for which an answer is owed; a client that answers no markers owes none. */
export const owedBy = ({ blind, stalled }: Standing) => (blind ? 0 : stalled)
/** An answer owed for so many milliseconds makes a client a stalling one. */
export const STALLING = 2500

/** The rest of the standing of a client that keeps up. */
export const USUAL = {
  rtt: 1,
  rate: 1,
  queued: 0,
  blind: false,
  congested: false,
  losing: false,
  stalled: 0,
}

/** Up to 60 clients in any standing, with different ids. */
export const standings = fc.uniqueArray(
  fc.record({
    id: fc.stringMatching(/^[a-z0-9]{1,4}-[0-9]{1,4}$/),
    buffered: fc.nat(3 * 1024 * 1024),
    shed: fc.nat(5),
    connectedAt: fc.double({ min: 0, max: 1e9, noNaN: true }),
    rtt: fc.option(fc.double({ min: 0, max: 1e4, noNaN: true }), { nil: undefined }),
    rate: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
    queued: fc.nat(100_000),
    blind: fc.boolean(),
    congested: fc.boolean(),
    losing: fc.boolean(),
    stalled: fc.nat(5000),
  }),
  { selector: ({ id }) => id, maxLength: 60 },
)
