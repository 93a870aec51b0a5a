import { refuse, verbatim } from '../base/errors.ts'
import type { Channel } from '../channel/channel.ts'
import type { WriteOptions } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'
import { type EngineSocket, missingFeature } from '../socketio/engine.ts'
import { Override } from '../socketio/override.ts'

/** A call of a connection's `write` or `send`. */
export type Offer = (
  conn: EngineSocket,
  tapped: Tapped,
  data: EncodedPart,
  options: WriteOptions | undefined,
  callback: (() => void) | undefined,
) => void

/** Gets the calls of a connection's `write`, `send` and `close`. */
export interface ConnectionTap {
  readonly offer: Offer
  /** Something happens that is no write of a broadcast. */
  interrupt(): void
  now(): number
}

/** The tap and the channel of a connection. */
export interface Tapped {
  readonly tap: ConnectionTap
  readonly channel: Channel
}

/** Where a connection keeps its tap and its channel. */
export const kTapped = Symbol('spillway.tapped')

export interface TappedSocket extends EngineSocket {
  [kTapped]?: Tapped
}

/** The overrides of a tap's connections. All connections share the functions: an idle one costs none. */
export function connectionOverrides(tap: ConnectionTap) {
  const replaceWrite = (name: 'write' | 'send') => {
    const override = new Override<TappedSocket, typeof name>(
      name,
      function (
        this: TappedSocket,
        data: EncodedPart,
        options?: WriteOptions | (() => void),
        callback?: () => void,
      ): EngineSocket {
        const tapped = this[kTapped]
        if (tapped?.tap !== tap) {
          return Reflect.apply(override.original(this), this, [data, options, callback])
        }
        if (typeof options === 'function') tap.offer(this, tapped, data, undefined, options)
        else {
          const done = typeof callback === 'function' ? callback : undefined
          tap.offer(this, tapped, data, options, done)
        }
        return this
      },
    )
    return override
  }
  const close = new Override<TappedSocket, 'close'>(
    'close',
    function (this: TappedSocket, discard?: boolean): void {
      const tapped = this[kTapped]
      if (tapped?.tap !== tap) Reflect.apply(close.original(this), this, [discard])
      else {
        tap.interrupt()
        if (discard) tapped.channel.discard(tap.now())
        else tapped.channel.close(tap.now())
      }
    },
  )
  return [replaceWrite('write'), replaceWrite('send'), close] as const
}

/**
 * Checks what of a connection is used, and replaced.
 *
 * @throws SpillwayError SPILLWAY_UNSUPPORTED_ENGINE
 */
export function checkConnection(
  conn: TappedSocket,
  overrides: ReturnType<typeof connectionOverrides>,
): void {
  const missing = missingFeature(conn) ?? fixedFeature(conn, overrides)
  if (missing === undefined) return
  throw refuse(
    'SPILLWAY_UNSUPPORTED_ENGINE',
    'io.engine',
    verbatim(`a connection without ${missing}`),
    'Engine.IO 6',
  )
}

/** What of a connection does not let itself be replaced, if anything. */
function fixedFeature(
  conn: TappedSocket,
  overrides: ReturnType<typeof connectionOverrides>,
): string | undefined {
  if (!Object.isExtensible(conn)) return 'properties that can be added'
  const fixed = overrides.find((override) => !override.fits(conn))
  return fixed && `a conn.${fixed.name}() that can be replaced`
}
