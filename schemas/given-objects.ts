import { z } from 'zod'
import { isPlain } from './own-keys.ts'

/** Objects of other libraries that options take, as far as they are used. */

/** The part of pino's interface that is used. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The part of prom-client's registry by which one is told. */
export interface MetricsRegistry {
  registerMetric(metric: never): void
  getSingleMetric(name: string): unknown
  removeSingleMetric(name: string): void
  metrics(): Promise<string>
}

const REGISTRY_METHODS = [
  'registerMetric',
  'getSingleMetric',
  'removeSingleMetric',
  'metrics',
] as const satisfies ReadonlyArray<keyof MetricsRegistry>

function isRegistry(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    REGISTRY_METHODS.every((name) => typeof Reflect.get(value, name) === 'function')
  )
}

export function isOfFunctions(value: unknown): boolean {
  return isPlain(value) && Object.values(value).every((each) => typeof each === 'function')
}

const LEVELS = ['info', 'warn', 'error'] as const satisfies ReadonlyArray<keyof Logger>

export function isLogger(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    LEVELS.every((level) => typeof Reflect.get(value, level) === 'function')
  )
}

export const metricsRegistry = z
  .custom<MetricsRegistry>(isRegistry)
  .meta({ allowed: 'a Registry of prom-client' })
