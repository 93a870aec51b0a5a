import { channel, type Channel as DiagnosticsChannel } from 'node:diagnostics_channel'
import type { ClosedClient } from '../../schemas/stats.ts'
import { MESSAGE_OUTCOMES, type MessageOutcome } from '../base/outcomes.ts'
import { timers } from '../base/timers.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import type { RefusedClient } from './client-identity.ts'
import type { ShedSummary } from './shed-episode.ts'

/**
 * Channels of `node:diagnostics_channel`, for whoever wants to hook in. A channel that nobody
 * subscribes to costs one look at a property. Subscribers are called at once, in the scheduler:
 * they must be quick; an error of theirs is Node's to report.
 */

/** Published for each message and client, on `spillway:message:{outcome}`. Never a payload. */
export interface MessageDiagnosis {
  /** The client's id here. */
  readonly client: string
  readonly namespace: string
  /** As annotated, else `other`. */
  readonly event: string
  readonly class: 'critical' | 'cosmetic'
  readonly outcome: MessageOutcome | 'observed'
  readonly bytes: Bytes
  readonly emittedAt: Millis
}

/** Published by name. */
export interface Diagnoses {
  'spillway:client:congested': { readonly client: string }
  'spillway:client:recovered': { readonly client: string; readonly summary: ShedSummary }
  'spillway:client:closed': ClosedClient
  'spillway:client:refused': RefusedClient
}

/** What is published, by channel; the table of docs/monitoring.md is made of it. */
export const DIAGNOSTICS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(MESSAGE_OUTCOMES).map(([outcome, meaning]) => [nameOf(outcome), meaning]),
  ),
  [nameOf('observed')]: 'in mode observe: sent, though enforce would have shed it',
  'spillway:client:congested': 'above watermarks.high, and what its path carries soon',
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

/** By outcome, so that a message that nobody hears of costs no name. */
const MESSAGE_CHANNELS = Object.fromEntries(
  [...Object.keys(MESSAGE_OUTCOMES), 'observed'].map((outcome) => [
    outcome,
    channel(nameOf(outcome)),
  ]),
) as Readonly<Record<MessageDiagnosis['outcome'], DiagnosticsChannel>>

export function diagnose<Name extends keyof Diagnoses>(
  name: Name,
  diagnosis: Diagnoses[Name],
): void {
  if (CLIENT_CHANNELS[name].hasSubscribers) CLIENT_CHANNELS[name].publish(diagnosis)
}

/** @param client its id */
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

/** A subscriber is being told of a message that was undelivered. */
let isPublishing = false

/**
 * What a subscriber emits to a client that is being closed is undelivered, too. It is told of that in
 * a later turn of the loop: in this one it might have no end.
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
