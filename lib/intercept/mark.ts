import type { Remark, Verdict } from '../classify/classifier.ts'

/** A property of a packet, which adapters carry to other nodes and which is never sent to a client. */
const MARK = 'spillway'

export interface Marked {
  [MARK]?: unknown
}

/** Marks a packet with what other nodes can't find out by themselves, if there is anything. */
export function writeMark(packet: Marked, { isInvalid, rule, key }: Verdict): void {
  if (isInvalid) packet[MARK] = { invalid: true } satisfies Remark
  else if (typeof rule.conflateBy === 'function') {
    packet[MARK] = { key: key ?? null } satisfies Remark
  }
}

export function unmark(packet: Marked): void {
  if (MARK in packet) delete packet[MARK]
}

/** Reads the mark of a packet, which may come from another process with anything in it. */
export function readMark(packet: Marked): Remark {
  const mark = Object.hasOwn(packet, MARK) ? packet[MARK] : undefined
  if (typeof mark !== 'object' || mark === null) return {}
  const { invalid, key } = mark as Readonly<Record<string, unknown>>
  const isKey = typeof key === 'string' || key === null
  return { invalid: invalid === true, ...(isKey ? { key } : {}) }
}
