import type { Limits } from '../../../lib/base/limits.ts'
import { Channel, type ChannelHost } from '../../../lib/channel/channel.ts'
import type { Envelope } from '../../../lib/message/envelope.ts'
import { HeldBytes } from '../../../lib/message/held-bytes.ts'
import { Meters } from '../../../lib/telemetry/meters.ts'
import type { ShedEpisode } from '../../../lib/telemetry/shed-episode.ts'
import { criticalRule, envelope, rule } from './envelopes.ts'
import { FakeLink } from './fake-link.ts'
import { LIMITS } from './simulation.ts'

/** Small ones, so that a few messages reach them. */
export const SMALL_LIMITS: Limits = {
  ...LIMITS,
  low: 1000,
  high: 2000,
  limit: 4000,
  emergency: 8000,
}
const frames = rule({ class: 'cosmetic' })

/** A channel over a fake link, and what it tells its surroundings. */
export function channelSetUp(
  changed: Partial<Limits> = {},
  proof: FakeLink['proof'] = 'none',
  catchUp = (_channel: Channel): void => {},
) {
  const link = new FakeLink()
  link.proof = proof
  const meters = new Meters()
  const log: string[] = []
  const episodes: ShedEpisode[] = []
  const watched = new Set<Channel>()
  const heldBytes = new HeldBytes()
  let turns = 0
  const host: ChannelHost = {
    limits: { ...SMALL_LIMITS, ...changed },
    watch: (channel) => watched.add(channel),
    unwatch: (channel) => watched.delete(channel),
    wake: () => {},
    catchUp,
    scheduler: {
      add: () => {},
      spent: () => false,
      tick: () => 0,
      // each message has its own
      turn: () => ++turns,
    },
    now: () => 0,
    overfull: false,
    relieve() {},
    limitsFor: () => host.limits,
    lookClosely() {},
    meters,
    heldBytes,
    loopDelay: { at: () => 0 },
    disconnected: () => {},
    congested: () => log.push('congested'),
    recovered: (_channel, episode, _now, wasCongested) => {
      episodes.push(episode)
      log.push(wasCongested ? 'recovered' : 'caught up')
    },
  }
  const channel = new Channel('a', link, host, 0)
  return { link, log, meters, episodes, watched, heldBytes, channel }
}

export function cosmetic(
  bytes = 100,
  fields: Partial<Parameters<typeof envelope>[0]> = {},
): Envelope {
  return envelope({ rule: frames, bytes, ...fields })
}

export function critical(bytes = 100): Envelope {
  return envelope({ rule: criticalRule, bytes })
}
