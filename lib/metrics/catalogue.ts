import type { Histogram } from '../base/histogram.ts'
import { MESSAGE_OUTCOMES, type MessageOutcome } from '../base/outcomes.ts'
import type { Rule } from '../message/rule.ts'
import type { Spillway } from '../spillway.ts'

export type Labels = Readonly<Record<string, string>>
/** One value of a metric, with its labels. */
export type Row = readonly [labels: Labels, value: number]

interface Metric {
  readonly help: string
  readonly labels: readonly string[]
}

/** A counter or gauge whose values are read from a Spillway at each scrape. */
export interface Counted extends Metric {
  readonly type: 'counter' | 'gauge'
  rows(spillway: Spillway): Iterable<Row>
  /** How the values of several Spillways are combined. Default: the sum. */
  readonly combine?: 'least'
}

/** A histogram that is recorded by a Spillway and read at each scrape. */
export interface Measured extends Metric {
  readonly type: 'histogram'
  histogram(spillway: Spillway): Histogram
  /** Factor from the recorded unit to the metric's unit. */
  readonly scale: number
}

const BASE = 1
const PER_MILLISECOND = 1 / 1000
const PER_SECOND = 1000

const EVENT_LABELS = ['namespace', 'event'] as const
const OUTCOME_LABELS = [...EVENT_LABELS, 'class', 'outcome'] as const

/**
 * All metrics by name; `npm run docs` generates the table in docs/monitoring.md from it. Label values
 * come from closed sets: classes, outcomes, codes, and the annotated namespaces and events; all others
 * are `other`. Gauges that need a look at each client come from the census, which is about 1 s old.
 */
export const METRICS: Readonly<Record<string, Counted | Measured>> = {
  spillway_client_buffered_bytes: {
    type: 'histogram',
    help: 'Bytes buffered for a client right before it is offered a message.',
    labels: [],
    histogram: ({ readings }) => readings.meters.buffered,
    scale: BASE,
  },
  spillway_critical_latency_seconds: {
    type: 'histogram',
    help: 'Time from emit to proven receipt of a sample of the critical messages.',
    labels: [],
    histogram: ({ readings }) => readings.meters.latency,
    scale: PER_MILLISECOND,
  },
  spillway_client_rtt_seconds: {
    type: 'histogram',
    help: 'Round-trip time of each answered marker.',
    labels: [],
    histogram: ({ readings }) => readings.meters.rtt,
    scale: PER_MILLISECOND,
  },
  spillway_client_delivery_rate_bytes_per_second: {
    type: 'histogram',
    help: 'Delivery rate of a client while its path is busy, at each answered marker.',
    labels: [],
    histogram: ({ readings }) => readings.meters.rate,
    scale: PER_SECOND,
  },
  spillway_validation_seconds: {
    type: 'histogram',
    help: "Time on the event loop of each validation of an emitted payload; none with `validate: 'off'`.",
    labels: [],
    histogram: ({ readings }) => readings.validation,
    scale: PER_MILLISECOND,
  },
  spillway_messages_total: {
    type: 'counter',
    help: 'Messages to clients, by outcome.',
    labels: OUTCOME_LABELS,
    rows: (spillway) => outcomesOf(spillway, (tally, outcome) => tally[outcome]),
  },
  spillway_message_bytes_total: {
    type: 'counter',
    help: 'Bytes of the messages to clients, by outcome.',
    labels: OUTCOME_LABELS,
    rows: (spillway) => outcomesOf(spillway, (tally, outcome) => tally[`${outcome}Bytes`]),
  },
  spillway_observed_messages_total: {
    type: 'counter',
    help: 'Messages sent in mode observe that enforce would have shed.',
    labels: EVENT_LABELS,
    rows: (spillway) => eventsOf(spillway, ({ observed }) => observed),
  },
  spillway_invalid_payloads_total: {
    type: 'counter',
    help: 'Emits whose payload failed its schema.',
    labels: EVENT_LABELS,
    rows: (spillway) => eventsOf(spillway, ({ invalid }) => invalid),
  },
  spillway_closings_total: {
    type: 'counter',
    help: 'Clients closed by the library or an administrator, or gone with messages still queued.',
    labels: ['code'],
    *rows({ readings: { closings } }) {
      for (const [code, count] of Object.entries(closings)) yield [{ code }, count]
    },
  },
  spillway_admissions_refused_total: {
    type: 'counter',
    help: 'New clients that were refused, by admission or a shutdown.',
    labels: ['reason'],
    *rows({ readings: { refusals } }) {
      for (const [reason, count] of Object.entries(refusals)) yield [{ reason }, count]
    },
  },
  spillway_adapter_faults_total: {
    type: 'counter',
    help: 'Faults between this node and the others, by kind.',
    labels: ['kind'],
    *rows({ readings: { adapterFaults } }) {
      for (const [kind, count] of Object.entries(adapterFaults)) yield [{ kind }, count]
    },
  },
  spillway_drains_total: {
    type: 'counter',
    help: 'Number of times that clients have left congestion.',
    labels: [],
    rows: ({ readings }) => only(readings.meters.drains),
  },
  spillway_unasked_answers_total: {
    type: 'counter',
    help: 'Answers to delivery markers that were never sent or already answered. Forged, they prove nothing.',
    labels: [],
    rows: ({ readings }) => only(readings.meters.unaskedAnswers),
  },
  spillway_fanout_slices_total: {
    type: 'counter',
    help: 'Turns of the event loop that served clients whom the turn before had no time for.',
    labels: [],
    rows: ({ readings }) => only(readings.fanout.slices),
  },
  spillway_fanout_busy_seconds_total: {
    type: 'counter',
    help: 'Time on the event loop for emits, answers to markers, and writes.',
    labels: [],
    rows: ({ readings }) => only(readings.fanout.busy * PER_MILLISECOND),
  },
  spillway_held_bytes: {
    type: 'gauge',
    help: 'Estimated bytes of memory that the process holds for its clients; memory that clients share counts once.',
    labels: [],
    rows: ({ readings }) => only(readings.budget.held),
  },
  spillway_budget_bytes: {
    type: 'gauge',
    help: 'Bytes that the process may hold for its clients before their watermarks shrink.',
    labels: [],
    rows: ({ readings }) => only(readings.budget.limit),
  },
  spillway_connected_clients: {
    type: 'gauge',
    help: 'Connected clients.',
    labels: [],
    rows: ({ readings }) => only(readings.connected),
  },
  spillway_congested_clients: {
    type: 'gauge',
    help: 'Congested clients: more was buffered than watermarks.high, and than their path carries soon, and they have not caught up since.',
    labels: [],
    rows: ({ readings }) => only(readings.congested),
  },
  spillway_blind_clients: {
    type: 'gauge',
    help: 'Clients that answer no markers, so that only local watermarks protect them.',
    labels: [],
    rows: ({ readings }) => only(readings.census.blind),
  },
  spillway_stalling_clients: {
    type: 'gauge',
    help: 'Clients whose proof of progress has been outstanding for a quarter of stallAfter or longer.',
    labels: [],
    rows: ({ readings }) => only(readings.census.stalling),
  },
  spillway_losing_clients: {
    type: 'gauge',
    help: 'Clients for which more than a tenth of the offered messages is shed.',
    labels: [],
    rows: ({ readings }) => only(readings.census.losing),
  },
  spillway_clients: {
    type: 'gauge',
    help: 'Clients by send state: why the next message is not sent, or `ready`.',
    labels: ['state'],
    *rows({ readings: { states } }) {
      for (const [state, count] of Object.entries(states)) yield [{ state }, count]
    },
  },
  spillway_buffered_bytes: {
    type: 'gauge',
    help: 'Bytes buffered for all clients.',
    labels: [],
    rows: ({ readings }) => only(readings.buffered),
  },
  spillway_in_flight_bytes: {
    type: 'gauge',
    help: 'Bytes written to clients whose receipt is not proven.',
    labels: [],
    rows: ({ readings }) => only(readings.census.inFlight),
  },
  spillway_queued_messages: {
    type: 'gauge',
    help: 'Messages queued in the lanes of all clients.',
    labels: ['class'],
    rows: ({ readings }) => lanesOf(readings.census.queued, ({ messages }) => messages),
  },
  spillway_queued_bytes: {
    type: 'gauge',
    help: 'Bytes queued in the lanes of all clients.',
    labels: ['class'],
    rows: ({ readings }) => lanesOf(readings.census.queued, ({ bytes }) => bytes),
  },
  spillway_watermark_bytes: {
    type: 'gauge',
    help: 'The watermarks in force.',
    labels: ['level'],
    combine: 'least',
    *rows({ policy }) {
      for (const [level, bytes] of Object.entries(policy.watermarks)) yield [{ level }, bytes]
    },
  },
  spillway_enforcing: {
    type: 'gauge',
    help: '1 in mode enforce, 0 in mode observe.',
    labels: [],
    combine: 'least',
    rows: ({ policy }) => only(policy.mode === 'enforce' ? 1 : 0),
  },
}

function only(value: number): Row[] {
  return [[{}, value]]
}

function* outcomesOf(
  spillway: Spillway,
  figureOf: (tally: Rule['tally'], outcome: MessageOutcome) => number,
): Generator<Row> {
  for (const { namespace, event, class: class_, tally } of spillway.readings.rules()) {
    for (const outcome of Object.keys(MESSAGE_OUTCOMES) as MessageOutcome[]) {
      yield [{ namespace, event, class: class_, outcome }, figureOf(tally, outcome)]
    }
  }
}

function* eventsOf(spillway: Spillway, figureOf: (tally: Rule['tally']) => number): Generator<Row> {
  for (const { namespace, event, tally } of spillway.readings.rules()) {
    yield [{ namespace, event }, figureOf(tally)]
  }
}

function* lanesOf<T>(
  queued: Readonly<Record<'critical' | 'cosmetic', T>>,
  figureOf: (sum: T) => number,
): Generator<Row> {
  for (const name of ['critical', 'cosmetic'] as const) {
    yield [{ class: name }, figureOf(queued[name])]
  }
}
