import { KiB, MiB } from '../lib/base/units.ts'
import { allowedBy, type Facts } from '../schemas/refusal.ts'

/** What the schema of an option says, in words. */

/** The default as it is written in code, bytes and spans with their unit; empty if there is none. */
export function defaultOf(facts: Facts): string {
  const { unit } = facts
  if (facts.default === undefined || facts.properties) return ''
  return typeof facts.default === 'number'
    ? quantity(facts.default, unit)
    : `\`${JSON.stringify(facts.default).replaceAll('"', "'")}\``
}

/** The range, or the values that are allowed. */
export function allowed(facts: Facts): string {
  const { minimum, maximum, unit } = facts
  if (facts.allowed !== undefined || minimum === undefined) {
    return allowedBy(facts).replaceAll('"', '`')
  }
  if (maximum === undefined) return `at least ${quantity(minimum, unit)}`
  return `${quantity(minimum, unit)} to ${quantity(maximum, unit)}`
}

function quantity(value: number, unit: Facts['unit']): string {
  if (unit === 'milliseconds') return `${value} ms`
  if (unit !== 'bytes') return String(value)
  if (value % (1024 * MiB) === 0) return `${value / (1024 * MiB)} GiB`
  return value % MiB === 0 ? `${value / MiB} MiB` : `${value / KiB} KiB`
}
