import type { ClientStats, SpillwayStats } from '../schemas/stats.ts'
import type { Channel, SendState } from './channel.ts'
import { type Histogram, LATENCY_BUCKETS } from './histogram.ts'
import type { Limits } from './limits.ts'
import type { ClosingCode } from './outcomes.ts'
import type { Rule } from './rule.ts'
import { Tally } from './stats.ts'
import type { Bytes, Millis } from './units.ts'

/** Who a client is, for people: nothing of it decides anything. */
export interface Peer {
  readonly address: string | null
  readonly userAgent: string | null
}

const WHY: Record<SendState, string> = {
  ready: 'sends at once',
  windowed: 'cosmetic messages wait until what is in flight has arrived',
  blind: 'sends by what its kernel socket takes: the client does not answer markers',
  blocked: 'waits until the transport has taken what was handed to it',
  closed: 'is being closed',
}

export function clientStatsOf(
  channel: Channel,
  peer: Peer & Pick<ClientStats, 'sockets'>,
  high: Bytes,
  now: Millis,
): ClientStats {
  const { critical, cosmetic, lastShed, window } = channel
  const state = channel.state(now)
  const wait = waitOf(channel, now)
  return {
    id: channel.id,
    transport: channel.link.transport,
    ...peer,
    connectedFor: now - channel.connectedAt,
    state,
    why: WHY[state],
    congested: channel.congested,
    buffered: channel.buffered,
    queued: channel.queued,
    outstanding: channel.link.outstanding,
    inFlight: window.inFlight,
    window: window.size(critical.peek()?.bytes ?? cosmetic.peek()?.bytes ?? 0, high),
    rtt: window.path.rtt ?? null,
    minRtt: window.path.minRtt ?? null,
    rate: window.path.rate === undefined ? null : window.path.rate * 1000,
    wait,
    lanes: {
      critical: { messages: critical.messages, bytes: critical.bytes },
      cosmetic: { messages: cosmetic.messages, bytes: cosmetic.bytes },
    },
    sinceProgress: now - channel.vitals.progressAt,
    ...outcomesOf(channel.tally),
    lastShed: lastShed
      ? {
          namespace: lastShed.namespace,
          event: lastShed.event,
          outcome: lastShed.outcome,
          ago: now - lastShed.at,
        }
      : null,
  }
}

/** How long a message of each class that is emitted now would wait before it leaves. */
function waitOf({ window, critical, cosmetic }: Channel, now: Millis): ClientStats['wait'] {
  const { rate } = window.path
  if (rate === undefined) return { critical: null, cosmetic: null }
  const path = window.queueDelay(now) + critical.bytes / rate
  return { critical: path, cosmetic: path + cosmetic.bytes / rate }
}

/** What the totals are made of. */
export interface Totals {
  readonly limits: Limits
  readonly connected: number
  readonly congested: number
  readonly waiting: ReadonlySet<Channel>
  readonly rules: Iterable<Rule>
  readonly closed: Readonly<Record<ClosingCode, number>>
  readonly latencies: Histogram
}

export function spillwayStatsOf(totals: Totals): SpillwayStats {
  const { limits, connected, congested, waiting } = totals
  const classes = { critical: new Tally(), cosmetic: new Tally() }
  // an event has several rules of one class if branches of its union are conflated differently
  const byEvent = new Map<string, { rule: Rule; tally: Tally }>()
  for (const rule of totals.rules) {
    classes[rule.class].add(rule.tally)
    const key = JSON.stringify([rule.namespace, rule.event, rule.class])
    const row = byEvent.get(key) ?? { rule, tally: new Tally() }
    row.tally.add(rule.tally)
    byEvent.set(key, row)
  }
  let buffered = 0
  for (const channel of waiting) buffered += channel.buffered
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  return {
    mode: limits.mode,
    watermarks: {
      low: limits.low,
      high: limits.high,
      limit: limits.limit,
      emergency: limits.emergency,
    },
    clients: { connected, congested, waiting: waiting.size },
    buffered,
    classes: { critical: outcomesOf(classes.critical), cosmetic: outcomesOf(classes.cosmetic) },
    events: Array.from(byEvent.values(), ({ rule, tally }) => ({
      namespace: rule.namespace,
      event: rule.event,
      class: rule.class,
      invalid: tally.invalid,
      ...outcomesOf(tally),
    })),
    closed: { ...totals.closed },
    criticalLatency: {
      count: totals.latencies.count,
      sum: totals.latencies.sum,
      buckets: totals.latencies.counts.map((messages, index) => ({
        to: LATENCY_BUCKETS[index] ?? null,
        messages,
      })),
    },
    memory: { rss, heapUsed, external, arrayBuffers },
  }
}

export function outcomesOf(tally: Tally) {
  return {
    sent: { messages: tally.sent, bytes: tally.sentBytes },
    dropped: { messages: tally.dropped, bytes: tally.droppedBytes },
    conflated: { messages: tally.conflated, bytes: tally.conflatedBytes },
    expired: { messages: tally.expired, bytes: tally.expiredBytes },
    undelivered: { messages: tally.undelivered, bytes: tally.undeliveredBytes },
    observed: { messages: tally.observed, bytes: tally.observedBytes },
  }
}
