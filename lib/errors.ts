/**
 * Every way in which a caller can be refused. The code is stable; the sentence says where the
 * mistake is, what was given and what is allowed.
 */
export type ErrorCode =
  | 'SPILLWAY_INVALID_OPTION'
  | 'SPILLWAY_WATERMARK_ORDER'
  | 'SPILLWAY_UNANNOTATED_SCHEMA'
  | 'SPILLWAY_INVALID_ANNOTATION'
  | 'SPILLWAY_RESERVED_EVENT'
  | 'SPILLWAY_DUPLICATE_EVENT'
  | 'SPILLWAY_NOT_SOCKET_IO'
  | 'SPILLWAY_UNSUPPORTED_ENGINE'
  | 'SPILLWAY_ALREADY_ATTACHED'
  | 'SPILLWAY_ADMIN_AUTH_REQUIRED'
  | 'SPILLWAY_INVALID_PAYLOAD'

export class SpillwayError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SpillwayError'
    this.code = code
  }
}

/** The one sentence form of a refusal: `path: was given X; allowed: Y`. */
export function refuse(
  code: ErrorCode,
  path: string,
  given: unknown,
  allowed: string,
): SpillwayError {
  return new SpillwayError(code, `${path}: was given ${describe(given)}; allowed: ${allowed}`)
}

const SHOWN_CHARACTERS = 60

/** Names a value shortly, without running any of its code. */
export function describe(value: unknown): string {
  if (typeof value === 'string') {
    return value.length > SHOWN_CHARACTERS
      ? `${JSON.stringify(value.slice(0, SHOWN_CHARACTERS))}…`
      : JSON.stringify(value)
  }
  if (typeof value === 'function') return value.name ? `function ${value.name}` : 'a function'
  if (value instanceof RegExp || typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === 'string' && name !== 'Object' ? `an instance of ${name}` : 'an object'
}

export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describe(thrown))
}
