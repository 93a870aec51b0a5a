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

/** Who is told of a write that the kernel did not take at once. */
export interface WriteOwner {
  taken(bytes: Bytes): void
}

/** The id of a request that libuv does not have. */
const UNUSED = -1

/** What became of a write: `refused` if it has to go through the socket's stream. */
export type KernelWrite = 'taken' | 'pending' | 'refused'

/** @returns the request if the write is under way, else its status: negative is an error */
type Write = (handle: StreamHandle, bytes: Uint8Array) => PendingWrite | number

/** How Node's handles are written to: `undefined` before it is known, `null` if it can't be. */
let write: Write | undefined | null

/**
 * Writes to a socket's handle, past Node's stream, which takes as long over a write that the kernel
 * takes at once as the scheduler does. Only while the stream has nothing of its own to write, since
 * libuv writes in order what it is given; and only where Node's internals are as expected: if not,
 * the stream does it.
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
  // what goes past the stream would not put off the socket's timeout
  if (!handle || socket.writableLength > 0 || socket.writableCorked > 0 || socket.timeout) {
    return 'refused'
  }
  const request = write(handle, bytes)
  if (typeof request === 'number') {
    // nobody has to wait for it: the socket's end follows
    if (request < 0) socket.destroy(errorOf(request))
    return 'taken'
  }
  request.bytes = bytes
  request.socket = socket
  request.owner = owner
  return 'pending'
}

function withRequestsOf(Request: new () => WriteRequest): Write {
  /** One that is not in use: libuv needs none for what the kernel takes at once. */
  let spare: PendingWrite | undefined
  return (handle, bytes) => {
    const request = spare ?? new Request()
    request.oncomplete = onComplete
    spare = request
    const status = handle.writeBuffer(request, bytes) as number
    // an empty queue is no proof: of a write in two parts the second may be through by now, and
    // its end is reported all the same
    if (status < 0 || request.getAsyncId() === UNUSED) return status
    spare = undefined
    return request
  }
}

const withoutRequest: Write = (handle, bytes) => {
  const request = handle.writeBuffer(null, bytes)
  if (typeof request === 'number') return request
  if (typeof request.writeStatus === 'number') return request.writeStatus
  // libuv has refused it; why is told to Node alone, and it does so where the socket has ended
  if (request.getAsyncId() === UNUSED) return -constants.errno.EPIPE
  request.oncomplete = onComplete
  return request
}

function onComplete(this: PendingWrite, status: number): void {
  if (status < 0) this.socket!.destroy(errorOf(status))
  this.owner!.taken(this.bytes!.byteLength)
}

/**
 * Looks at the stream's next write of one buffer. It may never come, as when the stream is corked and
 * then ends: so it is looked for at every socket, until it is known.
 */
function watch(socket: KernelSocket, handle: StreamHandle): void {
  if (typeof handle.writeBuffer !== 'function' || Object.hasOwn(handle, 'writeBuffer')) return
  if (typeof socket.writableLength !== 'number' || typeof socket.writableCorked !== 'number') return
  learning.install(handle)
}

/** Stops looking at a socket's writes. */
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

/** As Node's own, so that nobody sees a difference. */
function errorOf(status: number): Error {
  const code = getSystemErrorName(status)
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: 'write' })
}
