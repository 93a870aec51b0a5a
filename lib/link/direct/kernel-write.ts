import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import type { Bytes } from '../../base/units.ts'
import type { KernelSocket, StreamHandle, WriteRequest } from '../../socketio/kernel-socket.ts'
import { Override } from '../../socketio/override.ts'

/** A write that the kernel has not taken yet. */
interface PendingWrite extends WriteRequest {
  /** Kept until libuv has written them. */
  bytes?: Uint8Array
  socket?: KernelSocket
  owner?: WriteOwner
}

/** Is told when the kernel has taken a write that it did not take at once. */
export interface WriteOwner {
  taken(bytes: Bytes): void
}

/** The id of a request that libuv does not have. */
const UNUSED = -1

/** The result of a write; one that is `refused` has to go through the socket's stream. */
export type KernelWrite = 'taken' | 'pending' | 'refused'

/** @returns the request if the write is under way, else its status: negative is an error */
type Write = (handle: StreamHandle, bytes: Uint8Array) => PendingWrite | number

/** Writes to a handle of this version of Node: `undefined` before it is known, `null` if not possible. */
let write: Write | undefined | null

/**
 * Writes to a socket's handle, past Node's stream, which costs as much for a write that the kernel
 * takes at once as all of the scheduler. Refuses while the stream has something to write itself,
 * since libuv writes in the order of its calls, and where Node's internals are not as expected.
 *
 * @param owner told when a write that is `pending` is done
 */
export function writeToKernel(
  socket: KernelSocket,
  bytes: Uint8Array,
  owner: WriteOwner,
): KernelWrite {
  const handle = socket._handle
  if (!write) {
    if (write === undefined && handle) watch(socket, handle)
    return 'refused'
  }
  // a write past the stream does not restart the socket's timeout
  if (!handle || socket.writableLength > 0 || socket.writableCorked > 0 || socket.timeout) {
    return 'refused'
  }
  const request = write(handle, bytes)
  if (typeof request === 'number') {
    // counts as taken, since the end of the socket follows
    if (request < 0) socket.destroy(errorOf(request))
    return 'taken'
  }
  request.bytes = bytes
  request.socket = socket
  request.owner = owner
  return 'pending'
}

function withRequestsOf(Request: new () => WriteRequest): Write {
  /** Not in use: libuv needs no request for what the kernel takes at once. */
  let spare: PendingWrite | undefined
  return (handle, bytes) => {
    const request = spare ?? new Request()
    request.oncomplete = onComplete
    spare = request
    const status = handle.writeBuffer(request, bytes) as number
    // an empty queue of libuv's proves nothing: the rest of a partial write may be done by now, and
    // Node reports its end all the same
    if (status < 0 || request.getAsyncId() === UNUSED) return status
    spare = undefined
    return request
  }
}

const withoutRequest: Write = (handle, bytes) => {
  const request = handle.writeBuffer(null, bytes)
  if (typeof request === 'number') return request
  if (typeof request.writeStatus === 'number') return request.writeStatus
  // libuv has refused it, as where the socket has ended; only Node gets the reason
  if (request.getAsyncId() === UNUSED) return -constants.errno.EPIPE
  request.oncomplete = onComplete
  return request
}

function onComplete(this: PendingWrite, status: number): void {
  if (status < 0) this.socket!.destroy(errorOf(status))
  this.owner!.taken(this.bytes!.byteLength)
}

/**
 * Learns how to write from the stream's next write of one buffer. Watches every socket until it is
 * known, since a stream may never make such a write (it may be corked, and end).
 */
function watch(socket: KernelSocket, handle: StreamHandle): void {
  if (typeof handle.writeBuffer !== 'function' || Object.hasOwn(handle, 'writeBuffer')) return
  if (typeof socket.writableLength !== 'number' || typeof socket.writableCorked !== 'number') return
  learning.install(handle)
}

/** Stops watching a socket's writes. */
export function unwatch({ _handle: handle }: KernelSocket): void {
  if (handle && learning.isOn(handle)) learning.restore(handle)
}

const learning = new Override<StreamHandle, 'writeBuffer'>(
  'writeBuffer',
  function (
    this: StreamHandle,
    request: WriteRequest | null,
    bytes: Uint8Array,
  ): WriteRequest | number {
    learning.restore(this)
    const result = Reflect.apply(learning.original(this), this, [request, bytes])
    write ??= writeOf(request, result)
    return result
  },
)

function writeOf(request: WriteRequest | null, result: WriteRequest | number): Write | null {
  if (request === null) {
    const known = typeof result === 'number' || typeof result?.getAsyncId === 'function'
    return known ? withoutRequest : null
  }
  const known = request?.constructor as (new () => WriteRequest) | undefined
  if (known?.name !== 'WriteWrap' || typeof result !== 'number') return null
  return isAsExpected(request, known) ? withRequestsOf(known) : null
}

function isAsExpected(request: WriteRequest, known: new () => WriteRequest): boolean {
  if (typeof request.oncomplete !== 'function') return false
  return typeof request.getAsyncId === 'function' && new known().getAsyncId() === UNUSED
}

/** An error as Node's stream makes it. */
function errorOf(status: number): Error {
  const code = getSystemErrorName(status)
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: 'write' })
}
