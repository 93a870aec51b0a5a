import { shown } from './printable.ts'

/**
 * All error codes, each with its meaning. Codes are stable; the message of an error says where the
 * mistake is, what was given and what is allowed.
 */
export const ERRORS = {
  SPILLWAY_INVALID_OPTION: 'an option is unknown, of a wrong type or out of range',
  SPILLWAY_WATERMARK_ORDER: 'the watermarks are not in the order low < high < limit < emergency',
  SPILLWAY_UNANNOTATED_SCHEMA: 'the schema of an event has no annotation',
  SPILLWAY_INVALID_ANNOTATION: 'an annotation is malformed, made twice, or does not fit its schema',
  SPILLWAY_RESERVED_EVENT: 'an event has a name that Socket.IO keeps for itself',
  SPILLWAY_DUPLICATE_EVENT: 'an event of a namespace has two schemas',
  SPILLWAY_NOT_SOCKET_IO: '`io` is not a Server of socket.io',
  SPILLWAY_UNSUPPORTED_ENGINE: '`io` runs on an engine that sends past the scheduler',
  SPILLWAY_ALREADY_ATTACHED: 'the server or the app has a Spillway already',
  SPILLWAY_DECORATOR_EXISTS: 'the app has a decorator `spillway` of somebody else',
  SPILLWAY_PATH_TAKEN: 'another Socket.IO server has the same path of the same HTTP server',
  SPILLWAY_CLOSED: 'a call that would change something came after `close()`',
  SPILLWAY_ADMIN_AUTH_REQUIRED: '`admin` was given without saying who may see it',
  SPILLWAY_INVALID_PAYLOAD: "with `validate: 'throw'`: an emit's payload fails its schema",
} as const

export type ErrorCode = keyof typeof ERRORS

export class SpillwayError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SpillwayError'
    this.code = code
  }
}

/** Makes an error with the message `path: was given X; allowed: Y`. */
export function refuse(
  code: ErrorCode,
  path: string,
  given: unknown,
  allowed: string,
): SpillwayError {
  // keys in a path may come from untrusted input
  const where = shown(path)
  return new SpillwayError(code, `${where}: was given ${describe(given)}; allowed: ${allowed}`)
}

/** Characters of a given string that an error message shows. */
export const SHOWN_CHARACTERS = 60

/** Words for an error message that stand there as they are, where one value would not do. */
class Verbatim {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export function verbatim(text: string): object {
  return new Verbatim(text)
}

/** Describes a value in a few words, without running any code of it, such as getters. */
export function describe(value: unknown): string {
  if (value instanceof Verbatim) return value.text
  if (typeof value === 'string') {
    return value.length > SHOWN_CHARACTERS
      ? `${shown(JSON.stringify(value.slice(0, SHOWN_CHARACTERS)))}…`
      : shown(JSON.stringify(value))
  }
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return value.name ? `function ${value.name}` : 'a function'
  if (value instanceof RegExp || typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  const prototype: object | null = Object.getPrototypeOf(value)
  const name: unknown = prototype?.constructor?.name
  if (typeof name === 'string' && name !== 'Object') return `an instance of ${name}`
  const inherits = prototype !== null && Object.getPrototypeOf(prototype) !== null
  return inherits ? 'an object that inherits from another one' : 'an object'
}

export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describe(thrown))
}
