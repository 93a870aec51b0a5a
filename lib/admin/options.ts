import type { onRequestHookHandler } from 'fastify'
import type { Spillway } from '../spillway.ts'

export type Hooks = readonly onRequestHookHandler[]

export interface AdminOptions {
  readonly prefix: string
  /** Who may read. */
  readonly auth: Hooks
  /** Who may change something; undefined if nobody may. */
  readonly changeAuth: Hooks | undefined
  readonly ui: boolean
  /** Requests a minute of one address, where the app limits rates. */
  readonly rateLimit: number
  readonly spillway: Spillway
  /** Aborted when the app closes and the clients have been closed. */
  readonly closed: AbortSignal
  /** The metrics in Prometheus's format; undefined if they are told elsewhere. */
  readonly metrics: Metrics | undefined
}

export interface Metrics {
  readonly contentType: string
  metrics(): Promise<string>
}
