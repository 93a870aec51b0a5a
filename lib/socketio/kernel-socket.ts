import type { Bytes } from '../base/units.ts'

/** The parts of a Node socket that are used; those that begin with `_` are private to Node. */
export interface KernelSocket {
  readonly destroyed: boolean
  /** Over TLS. */
  readonly encrypted?: boolean
  readonly timeout?: number | undefined
  readonly bytesRead?: Bytes
  readonly writableLength: number
  readonly writableCorked: number
  readonly _handle?: StreamHandle | null
  write(bytes: Uint8Array, callback?: (error?: Error | null) => void): unknown
  cork(): void
  uncork(): void
  destroy(error: Error): unknown
  /** TCP only. */
  resetAndDestroy?(): unknown
}

/** A socket as libuv has it; private to Node. */
export interface StreamHandle {
  /** Bytes that libuv was given and the kernel has not taken. */
  readonly writeQueueSize?: unknown
  /**
   * Before Node 26.10 it wants a request and returns a status. Since then it wants none, and
   * returns one if the kernel has not taken all at once.
   */
  writeBuffer(request: WriteRequest | null, bytes: Uint8Array): number | WriteRequest
}

/** What libuv's write is known by until it is done; Node reports its end to `oncomplete`. */
export interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void
  /** Since Node 26.10: how it has ended, if that was before there was an `oncomplete`. */
  readonly writeStatus?: number | null
  /** -1 while libuv does not have it. */
  getAsyncId(): number
}
