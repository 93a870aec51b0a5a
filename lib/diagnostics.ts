import { channel, type Channel as DiagnosticsChannel } from 'node:diagnostics_channel'
import type { ClosedClient } from '../schemas/stats.ts'
import type { ShedSummary } from './episode.ts'
import { MESSAGE_OUTCOMES, type MessageOutcome } from './outcomes.ts'
import type { Bytes, Millis } from './units.ts'

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
}

type MessageChannels = Readonly<Record<MessageOutcome | 'observed', DiagnosticsChannel>>

export const MESSAGE_CHANNELS = Object.fromEntries(
  [...Object.keys(MESSAGE_OUTCOMES), 'observed'].map((outcome) => [
    outcome,
    channel(`spillway:message:${outcome}`),
  ]),
) as MessageChannels

/** What is published, by channel; the README's table is made of it. */
export const DIAGNOSTICS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(MESSAGE_OUTCOMES).map(([outcome, meaning]) => [
      `spillway:message:${outcome}`,
      meaning,
    ]),
  ),
  'spillway:message:observed': 'in mode observe: sent, though enforce would have shed it',
  'spillway:client:congested': 'above watermarks.high',
  'spillway:client:recovered': 'has caught up after it was congested or messages were shed for it',
  'spillway:client:closed': 'closed with something to tell about it',
}

const CLIENT_CHANNELS = {
  'spillway:client:congested': channel('spillway:client:congested'),
  'spillway:client:recovered': channel('spillway:client:recovered'),
  'spillway:client:closed': channel('spillway:client:closed'),
} satisfies Record<keyof Diagnoses, DiagnosticsChannel>

export function diagnose<Name extends keyof Diagnoses>(
  name: Name,
  diagnosis: Diagnoses[Name],
): void {
  if (CLIENT_CHANNELS[name].hasSubscribers) CLIENT_CHANNELS[name].publish(diagnosis)
}
