import type { Histogram } from '../base/histogram.ts'
import { MESSAGE_OUTCOMES, type MessageOutcome } from '../base/outcomes.ts'
import type { Rule } from '../message/rule.ts'
import type { Spillway } from '../spillway.ts'

export type Labels = Readonly<Record<string, string>>
export type Row = readonly [labels: Labels, value: number]

interface Metric {
  readonly help: string
  readonly labels: readonly string[]
}

/** Told when asked: nothing is counted twice. */
export interface Counted extends Metric {
  readonly type: 'counter' | 'gauge'
  rows(spillway: Spillway): Iterable<Row>
  /** What is told of several Spillways. Default: the sum. */
  readonly combine?: 'least'
}

export interface Measured extends Metric {
  readonly type: 'histogram'
  histogram(spillway: Spillway): Histogram
  /** From what is measured to the unit of the metric. */
  readonly scale: number
}

const BASE = 1
const PER_MILLISECOND = 1 / 1000
const PER_SECOND = 1000

const EVENT_LABELS = ['namespace', 'event'] as const
const OUTCOME_LABELS = [...EVENT_LABELS, 'class', 'outcome'] as const

/**
 * What is told to Prometheus, by name; the table of docs/monitoring.md is made of it. Labels come
 * from closed sets: classes, outcomes, codes, and the namespaces and events of the annotated map;
 * what is not in it is `other`. Gauges that ask more of each client than its state are from the
 * census, a lap old.
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
    help: 'Of a sample of the critical messages, from emit to proven receipt.',
    labels: [],
    histogram: ({ readings }) => readings.meters.latency,
    scale: PER_MILLISECOND,
  },
  spillway_client_rtt_seconds: {
    type: 'histogram',
    help: 'Round trip of a marker, whenever one is answered.',
    labels: [],
    histogram: ({ readings }) => readings.meters.rtt,
    scale: PER_MILLISECOND,
  },
  spillway_client_delivery_rate_bytes_per_second: {
    type: 'histogram',
    help: 'Delivery rate of a client while its path is busy, whenever a marker is answered.',
    labels: [],
    histogram: ({ readings }) => readings.meters.rate,
    scale: PER_SECOND,
  },
  spillway_validation_seconds: {
    type: 'histogram',
    help: 'How long the schema of an emitted payload has held the event loop; nothing with `validate: off`.',
    labels: [],
    histogram: ({ readings }) => readings.validation,
    scale: PER_MILLISECOND,
  },
  spillway_messages_total: {
    type: 'counter',
    help: 'Messages to clients, by what became of them.',
    labels: OUTCOME_LABELS,
    rows: (spillway) => outcomesOf(spillway, (tally, outcome) => tally[outcome]),
  },
  spillway_message_bytes_total: {
    type: 'counter',
    help: 'Bytes of the messages to clients, by what became of them.',
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
    help: 'What went wrong between this node and the others, by kind.',
    labels: ['kind'],
    *rows({ readings: { adapterFaults } }) {
      for (const [kind, count] of Object.entries(adapterFaults)) yield [{ kind }, count]
    },
  },
  spillway_drains_total: {
    type: 'counter',
    help: 'How often a client has left congestion.',
    labels: [],
    rows: ({ readings }) => only(readings.meters.drains),
  },
  spillway_unasked_answers_total: {
    type: 'counter',
    help: 'Answers to delivery markers that were never sent, or sent and answered before: forged, they prove nothing.',
    labels: [],
    rows: ({ readings }) => only(readings.meters.unaskedAnswers),
  },
  spillway_fanout_slices_total: {
    type: 'counter',
    help: 'Turns of the event loop that served clients left by the turn before.',
    labels: [],
    rows: ({ readings }) => only(readings.fanout.slices),
  },
  spillway_fanout_busy_seconds_total: {
    type: 'counter',
    help: 'Time of the event loop in emits, answers of markers and writes.',
    labels: [],
    rows: ({ readings }) => only(readings.fanout.busy * PER_MILLISECOND),
  },
  spillway_held_bytes: {
    type: 'gauge',
    help: 'Bytes of memory that the process holds for its clients, as estimated; what several share counts once.',
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
    help: 'Clients that are connected.',
    labels: [],
    rows: ({ readings }) => only(readings.connected),
  },
  spillway_congested_clients: {
    type: 'gauge',
    help: 'Clients that have more buffered than watermarks.high and their path carries soon, and have not caught up since.',
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
    help: 'Clients that owe a proof of progress for a quarter of stallAfter or longer.',
    labels: [],
    rows: ({ readings }) => only(readings.census.stalling),
  },
  spillway_losing_clients: {
    type: 'gauge',
    help: 'Clients for which more than a tenth of what they are offered is shed.',
    labels: [],
    rows: ({ readings }) => only(readings.census.losing),
  },
  spillway_clients: {
    type: 'gauge',
    help: 'Clients by why they are not being sent to, if they are not.',
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
    help: 'Messages that wait in the lanes of all clients.',
    labels: ['class'],
    rows: ({ readings }) => lanesOf(readings.census.queued, ({ messages }) => messages),
  },
  spillway_queued_bytes: {
    type: 'gauge',
    help: 'Bytes that wait in the lanes of all clients.',
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
