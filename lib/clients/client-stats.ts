import type { ClientQueue, ClientStats, SpillwayStats } from '../../schemas/stats.ts'
import type { Histogram } from '../base/histogram.ts'
import type { Limits } from '../base/limits.ts'
import type { ClosingCode, RefusalReason } from '../base/outcomes.ts'
import { shown } from '../base/printable.ts'
import { Tally } from '../base/tally.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import type { Lane } from '../channel/lane.ts'
import { rttOf, waitOf } from '../channel/predicted-wait.ts'
import type { Rule } from '../message/rule.ts'
import type { Peer } from '../telemetry/client-identity.ts'
import type { Meters } from '../telemetry/meters.ts'
import type { Counts } from './census.ts'
import { whyItWaits, whyShed } from './why.ts'

export function clientStatsOf(
  channel: Channel,
  peer: Peer & Pick<ClientStats, 'sockets'>,
  now: Millis,
): ClientStats {
  const { critical, cosmetic, delivery, lastShed, window } = channel
  const state = channel.state(now)
  const wait = waitOf(delivery, channel.lanes, now)
  return {
    id: channel.id,
    transport: channel.link.transport,
    ...peer,
    connectedFor: now - channel.connectedAt,
    state,
    why: whyItWaits(state, { pathNeed: wait.cosmetic, noise: window.path.noise }),
    congested: channel.congested,
    high: Math.round(channel.highNow(now)),
    buffered: channel.buffered,
    queued: channel.queued,
    outstanding: channel.link.outstanding,
    exempt: channel.exempt,
    inFlight: window.inFlight,
    window: window.size(critical.peek()?.bytes ?? cosmetic.peek()?.bytes ?? 0, channel.ceiling),
    rtt: rttOf(delivery, now) ?? null,
    minRtt: window.path.minRtt ?? null,
    noise: window.path.noise,
    rate: window.path.rate === undefined ? null : window.path.rate * 1000,
    wait,
    lanes: lanesOf(critical, cosmetic),
    sinceProgress: delivery.sinceProgress(now),
    stalledFor: delivery.stalledFor(now),
    stalling: channel.isStalling(now),
    closesIn: channel.closesIn(now) ?? null,
    drains: {
      count: channel.drains?.count ?? 0,
      perMinute: channel.drains?.perMinute(now) ?? 0,
    },
    ...outcomesOf(channel.tally),
    lossShare: channel.lossShare(now),
    losing: channel.isLosing(now),
    lastShed: lastShed
      ? {
          namespace: lastShed.namespace,
          event: lastShed.event,
          outcome: lastShed.outcome,
          ago: now - lastShed.at,
          why: whyShed(lastShed),
        }
      : null,
  }
}

/** What waits for a client, in the order in which it would be sent; never a payload. */
export function queueOf(
  { id, critical, cosmetic }: Channel,
  maxAge: Millis,
  limit: number,
  now: Millis,
): ClientQueue {
  const messages: ClientQueue['messages'] = []
  for (const lane of [critical, cosmetic]) {
    for (const { rule, namespace, event, bytes, emittedAt } of lane) {
      if (messages.length === limit) break
      const expires = emittedAt + (rule.maxAge ?? maxAge) - now
      messages.push({
        class: rule.class,
        namespace,
        event: event === undefined ? null : shown(event),
        bytes,
        age: now - emittedAt,
        expiresIn: Number.isFinite(expires) ? expires : null,
      })
    }
  }
  return { id, lanes: lanesOf(critical, cosmetic), messages }
}

/** The condition of a client, for a log line. */
export function conditionOf(channel: Channel, now: Millis) {
  const { link, critical, cosmetic, lastRule, lastShed } = channel
  return {
    transport: link.transport,
    state: channel.state(now),
    congested: channel.congested,
    buffered: channel.buffered,
    lanes: lanesOf(critical, cosmetic),
    lastEvent: lastRule
      ? { namespace: lastRule.namespace, event: lastRule.event, class: lastRule.class }
      : null,
    lastShed: lastShed
      ? { namespace: lastShed.namespace, event: lastShed.event, outcome: lastShed.outcome }
      : null,
  }
}
export type Condition = ReturnType<typeof conditionOf>

function lanesOf(critical: Lane, cosmetic: Lane): ClientStats['lanes'] {
  return {
    critical: { messages: critical.messages, bytes: critical.bytes },
    cosmetic: { messages: cosmetic.messages, bytes: cosmetic.bytes },
  }
}

/** Sources of the totals. */
export interface Totals {
  readonly connected: number
  readonly congested: number
  readonly waiting: number
  readonly buffered: Bytes
  readonly closings: Readonly<Record<ClosingCode, number>>
  readonly refusals: Readonly<Record<RefusalReason, number>>
  readonly meters: Meters
  readonly census: Counts
  readonly budget: { readonly limit: Bytes; readonly held: Bytes }
  readonly fanout: { readonly slices: number; readonly busy: Millis }
  rules(): Iterable<Rule>
}

export function spillwayStatsOf(limits: Limits, totals: Totals, now: Millis): SpillwayStats {
  const { connected, congested, waiting, buffered } = totals
  const classes = { critical: new Tally(), cosmetic: new Tally() }
  // an event has several rules of one class if branches of its union are conflated differently
  const byEvent = new Map<string, { rule: Rule; tally: Tally }>()
  for (const rule of totals.rules()) {
    classes[rule.class].add(rule.tally)
    const key = JSON.stringify([rule.namespace, rule.event, rule.class])
    const row = byEvent.get(key) ?? { rule, tally: new Tally() }
    row.tally.add(rule.tally)
    byEvent.set(key, row)
  }
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  return {
    mode: limits.mode,
    watermarks: {
      low: limits.low,
      high: limits.high,
      limit: limits.limit,
      emergency: limits.emergency,
    },
    horizon: limits.horizon,
    stallAfter: limits.stallAfter,
    grace: limits.grace,
    clients: { connected, congested, waiting },
    buffered,
    budget: totals.budget,
    classes: { critical: outcomesOf(classes.critical), cosmetic: outcomesOf(classes.cosmetic) },
    events: Array.from(byEvent.values(), ({ rule, tally }) => ({
      namespace: rule.namespace,
      event: rule.event,
      class: rule.class,
      invalid: tally.invalid,
      ...outcomesOf(tally),
    })),
    closed: { ...totals.closings },
    refused: { ...totals.refusals },
    criticalLatency: {
      count: totals.meters.latency.count,
      sum: totals.meters.latency.sum,
      buckets: bucketsOf(totals.meters.latency, (to, messages) => ({ to, messages })),
    },
    drains: totals.meters.drains,
    census: censusOf(totals.census, now),
    fanout: { slices: totals.fanout.slices, busy: totals.fanout.busy },
    memory: { rss, heapUsed, external, arrayBuffers },
  }
}

function censusOf(counts: Counts, now: Millis): SpillwayStats['census'] {
  const { states, blind, queueing, stalling, losing, queued, inFlight, buffered, endedAt } = counts
  return {
    age: endedAt === undefined ? null : now - endedAt,
    states: { ...states },
    blind,
    queueing,
    stalling,
    losing,
    queued: { critical: { ...queued.critical }, cosmetic: { ...queued.cosmetic } },
    inFlight,
    buffered: bucketsOf(buffered, (to, clients) => ({ to, clients })),
  }
}

function bucketsOf<T>(
  { bounds, counts }: Histogram,
  row: (to: number | null, count: number) => T,
): T[] {
  return counts.map((count, index) => row(bounds[index] ?? null, count))
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
