import type { Socket } from 'socket.io'
import type { MessageMap, NamespaceMap } from '../schemas/events.ts'
import type { Logger } from '../schemas/options.ts'
import type { Bytes, Millis } from './base/units.ts'
import type { ShutdownPace } from './clients/shutdown.ts'
import type { ShedSummary } from './telemetry/shed-episode.ts'
import type { ClosedSummary } from './telemetry/undelivered.ts'

/** Options of `attach`; prose, defaults and ranges are in the README's table. */
export interface SpillwayOptions<
  M extends MessageMap = MessageMap,
  N extends NamespaceMap = NamespaceMap,
> {
  messages?: M
  namespaces?: N
  mode?: 'enforce' | 'observe'
  validate?: 'report' | 'throw' | 'off'
  watermarks?: {
    low?: Bytes
    high?: Bytes
    limit?: Bytes
    emergency?: Bytes
    horizon?: Millis
  }
  maxAge?: Millis
  stallAfter?: Millis
  grace?: Millis
  tickBudget?: Millis
  budget?: Bytes
  closedHistory?: number
  admission?: { loopDelay?: Millis; retryAfter?: Millis }
  shutdown?: Partial<ShutdownPace>
  onShed?: (socket: Socket, summary: ShedSummary) => unknown
  onClosed?: (socket: Socket, summary: ClosedSummary) => unknown
  gapEvent?: string
  shedInterval?: Millis
  log?: Logger
}
