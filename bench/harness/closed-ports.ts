import { readFile } from 'node:fs/promises'

const ESTABLISHED = '01'

/**
 * Who does not read does not hear that its connection was closed either; the kernel knows.
 *
 * @returns those of the local ports that have no open connection (proc(5), /proc/net/tcp)
 */
export async function closedAmong(ports: readonly number[]): Promise<number[]> {
  const open = new Set<number>()
  for (const line of (await readFile('/proc/net/tcp', 'latin1')).split('\n')) {
    const [, port, state] = /^ *\d+: [0-9A-F]{8}:([0-9A-F]{4}) \S+ ([0-9A-F]{2})/.exec(line) ?? []
    if (state === ESTABLISHED) open.add(Number.parseInt(port!, 16))
  }
  return ports.filter((port) => !open.has(port))
}
