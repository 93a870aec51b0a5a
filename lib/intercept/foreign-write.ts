import type { Millis } from '../base/units.ts'
import { Envelope, NO_FIELDS, type WriteOptions } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'
import type { Rule } from '../message/rule.ts'
import type { EngineSocket } from '../socketio/engine.ts'

/**
 * What somebody writes to a connection past Socket.IO. Nothing is known of it but its bytes.
 *
 * @param rule of what nobody has annotated
 */
export function foreignEnvelope(
  conn: EngineSocket,
  rule: Rule,
  emittedAt: Millis,
  data: EncodedPart,
  options: WriteOptions | undefined,
  callback: (() => void) | undefined,
): Envelope {
  if (options !== undefined && isOpen(conn)) setDefaults(options)
  // to Engine.IO whatever is falsy is a message without data
  const parts = [data || '']
  const fields = { ...NO_FIELDS, rule, kind: 'other' as const, namespace: '', parts, emittedAt }
  return new Envelope(fields, options, callback)
}

/** Changes the caller's options at once, as Engine.IO does. @throws where Engine.IO throws */
function setDefaults(options: WriteOptions): void {
  ;(options as { compress?: boolean }).compress = options.compress !== false
}

function isOpen({ readyState }: EngineSocket): boolean {
  return readyState !== 'closing' && readyState !== 'closed'
}
