import { readFile } from 'node:fs/promises'
import { type Namespace, openNamespace } from './namespace.ts'

/** A slow way from a server to a client. */
export interface Link {
  /** `netns`: the kernel is slow. `proxy`: a relay in user space plays that. */
  readonly kind: 'netns' | 'proxy'
  /** Where the server has to listen. */
  readonly host: string
  /** Where the client has to run. */
  readonly namespace: string | undefined
  close(): Promise<void>
}

export interface LinkMaker {
  readonly kind: Link['kind']
  /** Why the link is not a real one. */
  readonly because?: string
  open(): Promise<Link>
}

/** Finds out, once a run, what kind of link can be had here. */
export async function linkMaker(rateKbit: number): Promise<LinkMaker> {
  try {
    await (await openNamespace(rateKbit)).close()
  } catch (error) {
    const because = String(error).trim().replaceAll(/\s+/g, ' ')
    return { kind: 'proxy', because, open: async () => LOCAL }
  }
  return { kind: 'netns', open: async () => linkOf(await openNamespace(rateKbit)) }
}

/** Of the server's kernel; it decides how soon data leaves for the link, and in what portions. */
export async function congestionControl(): Promise<string | null> {
  const file = '/proc/sys/net/ipv4/tcp_congestion_control'
  return readFile(file, 'utf8').then(
    (name) => name.trim(),
    () => null,
  )
}

const LOCAL: Link = {
  kind: 'proxy',
  host: '127.0.0.1',
  namespace: undefined,
  async close() {},
}

function linkOf({ host, name, close }: Namespace): Link {
  return { kind: 'netns', host, namespace: name, close }
}
