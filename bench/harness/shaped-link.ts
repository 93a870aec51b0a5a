import { readFile } from 'node:fs/promises'
import { type Namespace, openNamespace } from '../../spec/support/paths/network-namespace.ts'

/** A way from a server to a client. */
export interface Link {
  /** `netns`: the kernel is as slow as asked. `proxy`: a relay in user space has to play that. */
  readonly kind: 'netns' | 'proxy'
  /** Where the server has to listen. */
  readonly host: string
  /** Where the client has to run. */
  readonly namespace: string | undefined
  close(): Promise<void>
}

export interface LinkMaker {
  readonly kind: Link['kind']
  /** Why the links are no real ones. */
  readonly because?: string
  open(rateKbit: number): Promise<Link>
}

const ANY_KBIT = 1000

/** Finds out, once a run, what kind of link can be had here. */
export async function linkMaker(): Promise<LinkMaker> {
  try {
    await (await openNamespace(ANY_KBIT)).close()
  } catch (error) {
    const because = String(error).trim().replaceAll(/\s+/g, ' ')
    return { kind: 'proxy', because, open: async () => LOOPBACK }
  }
  return { kind: 'netns', open: async (rateKbit) => linkOf(await openNamespace(rateKbit)) }
}

/** Of the server's kernel; it decides how soon data leaves for the link, and in what portions. */
export async function congestionControl(): Promise<string | null> {
  const file = '/proc/sys/net/ipv4/tcp_congestion_control'
  return readFile(file, 'utf8').then(
    (name) => name.trim(),
    () => null,
  )
}

/** By itself it is not slow. */
export const LOOPBACK: Link = {
  kind: 'proxy',
  host: '127.0.0.1',
  namespace: undefined,
  async close() {},
}

function linkOf({ host, name, close }: Namespace): Link {
  return { kind: 'netns', host, namespace: name, close }
}
