import type { Channel } from '../channel/channel.ts'
import type { WriteOptions } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'
import type { EngineSocket } from '../socketio/engine.ts'
import { Override } from '../socketio/override.ts'

/** Is called in place of a connection's own methods. */
export interface ConnectionTap {
  offer(
    conn: EngineSocket,
    tapped: Tapped,
    data: EncodedPart,
    options: WriteOptions | undefined,
    callback: (() => void) | undefined,
  ): void
  /** Something else happens than that the same is written to one socket after the other. */
  interrupt(): void
  now(): number
}

/** Whose a connection is. */
export interface Tapped {
  readonly tap: ConnectionTap
  readonly channel: Channel
}

/** Where a tapped connection keeps whose it is. */
export const kTapped = Symbol('spillway.tapped')

export interface TappedSocket extends EngineSocket {
  [kTapped]?: Tapped
}

/** The methods of a tap's connections: one function for all of them, so that an idle one costs none. */
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
