import { Envelope, type PacketKind } from '../../../lib/message/envelope.ts'
import type { EncodedPart } from '../../../lib/message/frame.ts'
import { makeRule, type Rule } from '../../../lib/message/rule.ts'
import type { Priority } from '../../../schemas/priority.ts'

/** A rule as an annotation would make it. */
export function rule(priority: Priority = { class: 'cosmetic' }, event = 'event'): Rule {
  return makeRule('/', event, priority)
}

export const criticalRule = rule({ class: 'critical' }, 'critical')

interface Fields {
  rule?: Rule
  bytes?: number
  key?: string | undefined
  at?: number
  namespace?: string
  kind?: PacketKind
  parts?: readonly EncodedPart[]
}

/** An envelope of so many bytes on the wire, its framing included. */
export function envelope(fields: Fields = {}): Envelope {
  const { rule: given = criticalRule, bytes = 100, key, at = 0 } = fields
  const overhead = bytes < 129 ? 3 : bytes < 65_541 ? 5 : 11
  return new Envelope({
    rule: given,
    kind: fields.kind ?? 'event',
    namespace: fields.namespace ?? '/',
    parts: fields.parts ?? ['x'.repeat(bytes - overhead)],
    key,
    emittedAt: at,
  })
}
