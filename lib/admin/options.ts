import type { onRequestHookHandler } from 'fastify'
import type { Spillway } from '../spillway.ts'

/** `onRequest` hooks that let a request pass or answer it. */
export type Hooks = readonly onRequestHookHandler[]

/** What the admin routes need from the plugin. */
export interface AdminOptions {
  readonly prefix: string
  /** Hooks that authorize reading. */
  readonly auth: Hooks
  /** Hooks that authorize changes; undefined if nobody may change anything. */
  readonly changeAuth: Hooks | undefined
  readonly ui: boolean
  /** Requests per minute and address, if the app has @fastify/rate-limit. */
  readonly rateLimit: number
  readonly spillway: Spillway
  /** Aborted when the app closes, after the clients have been closed. */
  readonly closed: AbortSignal
  /** Registry for the route `/metrics`; undefined if the application exposes the metrics itself. */
  readonly metrics: Metrics | undefined
}

/** A prom-client registry, as far as the route `/metrics` uses it. */
export interface Metrics {
  readonly contentType: string
  metrics(): Promise<string>
}
