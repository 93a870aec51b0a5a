export type { Policy, PolicyChange } from '../schemas/policy.ts'
export type {
  ClientQueue,
  ClientStats,
  ClientsPage,
  ClosedClient,
  SpillwayStats,
} from '../schemas/stats.ts'
export { attach } from './attach.ts'
export {
  CLOSINGS,
  type ClosingCode,
  MESSAGE_OUTCOMES,
  type MessageOutcome,
} from './base/outcomes.ts'
export { KiB, MiB } from './base/units.ts'
export type { AdapterClient } from './cluster/redis-client.ts'
export * from './message-schemas.ts'
export { default } from './plugin.ts'
export type { SpillwayPluginOptions } from './plugin-options.ts'
export type { Spillway } from './spillway.ts'
export type { SpillwayOptions } from './spillway-options.ts'
export type { ClientBrief } from './telemetry/client-identity.ts'
export type { Diagnoses, MessageDiagnosis } from './telemetry/diagnostics.ts'
export type { InvalidPayload, PolicyChanged, SpillwayEvents } from './telemetry/reporter.ts'
export type { Gap, ShedSummary } from './telemetry/shed-episode.ts'
export type { ClosedSummary } from './telemetry/undelivered.ts'
export type { NamespaceOf, ServerOf, SocketOf } from './typed-server.ts'
