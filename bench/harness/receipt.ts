import type { MessageClass } from './messages.ts'

/** A message, as a client received it; times are of the wall clock, in milliseconds. */
export interface Receipt {
  readonly type: MessageClass
  readonly seq: number
  readonly sentAt: number
  readonly receivedAt: number
}
