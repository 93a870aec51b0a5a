import type { Socket } from 'socket.io'

type Methods = Record<string, (...args: never[]) => unknown>

/** The objects of a connection that a packet passes on its way to the kernel. */
export interface Way {
  readonly conn: object
  readonly server: object
  readonly transport: object
  readonly parser: object
  readonly ws: object
  readonly sender: object
  readonly tcp: object
}

export function wayOf(socket: Socket): Way {
  const { conn } = socket
  const { transport, server } = conn as unknown as {
    server: object
    transport: { parser: object; socket: { _sender: object; _socket: object } }
  }
  const { parser, socket: ws } = transport
  return { conn, server, transport, parser, ws, sender: ws._sender, tcp: ws._socket }
}

/** In the order in which they are called, some only for what was not framed before. */
export const REPLACED: ReadonlyArray<readonly [keyof Way, string]> = [
  ['conn', 'write'],
  ['conn', 'sendPacket'],
  ['conn', 'flush'],
  ['conn', 'emit'],
  ['server', 'emit'],
  ['transport', 'send'],
  ['transport', 'emit'],
  ['transport', '_canSendPreEncodedFrame'],
  ['ws', 'send'],
  ['sender', 'send'],
  ['sender', 'dispatch'],
  ['sender', 'sendFrame'],
  ['tcp', 'write'],
  ['tcp', 'cork'],
  ['tcp', '_write'],
  ['tcp', '_writev'],
  ['tcp', '_writeGeneric'],
]
/** Which each transport makes for itself. */
export const OWN: ReadonlyArray<readonly [keyof Way, string]> = [
  ['transport', '_doSend'],
  ['transport', '_doSendLast'],
  ['transport', '_onSentLast'],
]

/** Whose calls are noted though there is no message in them. */
const COUNTED: ReadonlySet<string> = new Set(['flush', 'emit', '_onSentLast'])

/** Of whom a method is replaced. */
export type Whose = 'its own' | 'of its class' | 'of all'

/** The object that has a method in its place, from the nearest class or the furthest. */
function holderOf(target: object, method: string, whose: Whose): Methods {
  if (whose === 'its own') return target as Methods
  let holder = Object.getPrototypeOf(target) as object
  if (whose === 'of its class') return holder as Methods
  while (!Object.hasOwn(holder, method)) holder = Object.getPrototypeOf(holder) as object
  return holder as Methods
}

/**
 * Puts a wrapper in the place of a method.
 *
 * @param seen what it sees of that one object
 * @param whom the object, if it is another one of the class
 */
export function replace(
  target: object,
  method: string,
  whose: Whose,
  seen: string[],
  whom: () => object | undefined = () => target,
): () => void {
  const holder = holderOf(target, method, whose)
  const before = Object.getOwnPropertyDescriptor(holder, method)
  const original = holder[method] as (...args: unknown[]) => unknown
  function wrapper(this: unknown, ...args: unknown[]): unknown {
    const texts = textsOf(args)
    if (texts.length === 0 && COUNTED.has(method)) texts.push(String(args[0] ?? 'nothing'))
    // what a transport makes for itself is called without it
    if (this === whom() || this === undefined) seen.push(...texts)
    return Reflect.apply(original, this, args)
  }
  Object.defineProperty(holder, method, { value: wrapper, configurable: true, writable: true })
  return () => {
    if (before) Object.defineProperty(holder, method, before)
    else Reflect.deleteProperty(holder, method)
  }
}

/** The messages in what it was called with, wherever they are; a call without any is no surprise. */
export function textsOf(args: readonly unknown[]): string[] {
  const bytes: string[] = []
  const look = (value: unknown, depth: number): void => {
    if (typeof value === 'string') bytes.push(value)
    else if (ArrayBuffer.isView(value)) bytes.push(Buffer.from(value as Uint8Array).toString())
    else if (Array.isArray(value)) for (const each of value) look(each, depth)
    else if (typeof value === 'object' && value !== null && depth < 2) {
      const { data, chunk } = value as { data?: unknown; chunk?: unknown }
      look(data, depth + 1)
      look(chunk, depth + 1)
    }
  }
  look(args, 0)
  return bytes.flatMap((text) => text.match(/message-\d+/g) ?? [])
}
