import type { Remark, Verdict } from '../classify/classifier.ts'

/** Adapters carry it with the packet; it is never sent to a client. */
const MARK = 'spillway'

export interface Marked {
  [MARK]?: unknown
}

/** Leaves on a packet what other nodes can't find out by themselves, if there is anything. */
export function writeMark(packet: Marked, { isInvalid, rule, key }: Verdict): void {
  if (isInvalid) packet[MARK] = { invalid: true } satisfies Remark
  else if (typeof rule.conflateBy === 'function') {
    packet[MARK] = { key: key ?? null } satisfies Remark
  }
}

export function unmark(packet: Marked): void {
  if (MARK in packet) delete packet[MARK]
}

/** Of a packet that may come from another process. */
export function readMark(packet: Marked): Remark {
  const mark = Object.hasOwn(packet, MARK) ? packet[MARK] : undefined
  if (typeof mark !== 'object' || mark === null) return {}
  const { invalid, key } = mark as Readonly<Record<string, unknown>>
  const isKey = typeof key === 'string' || key === null
  return { invalid: invalid === true, ...(isKey ? { key } : {}) }
}
