export type { Policy, PolicyChange } from '../schemas/options.ts'
export type {
  ClientQueue,
  ClientStats,
  ClientsPage,
  ClosedClient,
  SpillwayStats,
} from '../schemas/stats.ts'
export type { AdapterClient } from './adapter-client.ts'
export { attach, type Spillway } from './attach.ts'
export type { InvalidPayload } from './classifier.ts'
export type { Diagnoses, MessageDiagnosis } from './diagnostics.ts'
export type { Gap, ShedSummary } from './episode.ts'
export * from './message-schemas.ts'
export { CLOSINGS, type ClosingCode, MESSAGE_OUTCOMES, type MessageOutcome } from './outcomes.ts'
export type { ClientBrief } from './peer.ts'
export { default, type SpillwayPluginOptions } from './plugin.ts'
export type { PolicyChanged, SpillwayEvents } from './reporter.ts'
export type { NamespaceOf, ServerOf, SocketOf } from './typed-server.ts'
export type { SpillwayOptions } from './types.ts'
export type { ClosedSummary } from './undelivered.ts'
export { KiB, MiB } from './units.ts'
