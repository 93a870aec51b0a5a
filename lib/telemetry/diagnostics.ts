import { channel, type Channel as DiagnosticsChannel } from 'node:diagnostics_channel'
import type { ClosedClient } from '../../schemas/stats.ts'
import { MESSAGE_OUTCOMES, type MessageOutcome } from '../base/outcomes.ts'
import { timers } from '../base/timers.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import type { RefusedClient } from './client-identity.ts'
import type { ShedSummary } from './shed-episode.ts'

/**
 * Channels of `node:diagnostics_channel` for tracing tools. A channel without subscribers costs one
 * property read. Subscribers run synchronously inside the scheduler, so they must be quick. Node
 * reports their errors as uncaught exceptions.
 */

/** Published on `spillway:message:{outcome}` for each message and client, without the payload. */
export interface MessageDiagnosis {
  /** The client's id in this Spillway. */
  readonly client: string
  readonly namespace: string
  /** Name of an annotated event, else `other`. */
  readonly event: string
  readonly class: 'critical' | 'cosmetic'
  readonly outcome: MessageOutcome | 'observed'
  readonly bytes: Bytes
  readonly emittedAt: Millis
}

/** Published on the channel of that name when a client's state changes. */
export interface Diagnoses {
  'spillway:client:congested': { readonly client: string }
  'spillway:client:recovered': { readonly client: string; readonly summary: ShedSummary }
  'spillway:client:closed': ClosedClient
  'spillway:client:refused': RefusedClient
}

/** Description of each channel; `npm run docs` generates the table in docs/monitoring.md from it. */
export const DIAGNOSTICS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(MESSAGE_OUTCOMES).map(([outcome, meaning]) => [nameOf(outcome), meaning]),
  ),
  [nameOf('observed')]: 'in mode observe: sent, though enforce would have shed it',
  'spillway:client:congested':
    'more is buffered than watermarks.high, and than its path carries soon',
  'spillway:client:recovered': 'has caught up after it was congested or messages were shed for it',
  'spillway:client:closed': 'closed with something to tell about it',
  'spillway:client:refused': 'a new client was refused, by admission or a shutdown',
}

const CLIENT_CHANNELS = {
  'spillway:client:congested': channel('spillway:client:congested'),
  'spillway:client:recovered': channel('spillway:client:recovered'),
  'spillway:client:closed': channel('spillway:client:closed'),
  'spillway:client:refused': channel('spillway:client:refused'),
} satisfies Record<keyof Diagnoses, DiagnosticsChannel>

/** Channels by outcome, so that no message has to build a channel's name. */
const MESSAGE_CHANNELS = Object.fromEntries(
  [...Object.keys(MESSAGE_OUTCOMES), 'observed'].map((outcome) => [
    outcome,
    channel(nameOf(outcome)),
  ]),
) as Readonly<Record<MessageDiagnosis['outcome'], DiagnosticsChannel>>

/** Publishes a change of a client's state, if anybody subscribes. */
export function diagnose<Name extends keyof Diagnoses>(
  name: Name,
  diagnosis: Diagnoses[Name],
): void {
  if (CLIENT_CHANNELS[name].hasSubscribers) CLIENT_CHANNELS[name].publish(diagnosis)
}

/** @param client id of the recipient */
export function diagnoseMessage(
  client: string,
  { rule, bytes, emittedAt }: Envelope,
  outcome: MessageDiagnosis['outcome'],
): void {
  const subscribed = MESSAGE_CHANNELS[outcome]
  if (!subscribed.hasSubscribers) return
  const { namespace, event, class: class_ } = rule
  const diagnosis: MessageDiagnosis = {
    client,
    namespace,
    event,
    class: class_,
    outcome,
    bytes,
    emittedAt,
  }
  if (outcome === 'undelivered') publishInTurn(subscribed, diagnosis)
  else subscribed.publish(diagnosis)
}

/** Whether a subscriber of the outcome `undelivered` is running. */
let isPublishing = false

/**
 * Publishes an undelivered message, in a later turn of the event loop if a subscriber is running: a
 * subscriber that emits to the client being closed causes the next one, which would recurse endlessly.
 */
function publishInTurn(subscribed: DiagnosticsChannel, diagnosis: MessageDiagnosis): void {
  if (isPublishing) {
    timers.setImmediate(publishInTurn, subscribed, diagnosis)
    return
  }
  isPublishing = true
  try {
    subscribed.publish(diagnosis)
  } finally {
    isPublishing = false
  }
}

function nameOf(outcome: string): string {
  return `spillway:message:${outcome}`
}
