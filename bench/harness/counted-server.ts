import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Server } from 'socket.io'

/** How often something came about, by its reason. */
export type Reasons = Readonly<Record<string, number>>

/** Connections that wait to be accepted; with Node's 511, thousands at once would wait for a retry. */
const BACKLOG = 10_000

/** @returns the port, which the system has chosen */
export async function listen(
  http: HttpServer,
  host = '127.0.0.1',
  backlog = BACKLOG,
): Promise<number> {
  await new Promise<void>((resolve) => http.listen(0, host, backlog, resolve))
  return (http.address() as AddressInfo).port
}

interface Connection {
  on(event: 'close', listener: (reason: string) => void): void
}

/** Counts connections that are closed from now on, by Engine.IO's reason. */
export function countCloses(io: Server): Reasons {
  const { reasons, count } = counter()
  io.engine.on('connection', (conn: Connection) => conn.on('close', count))
  return reasons
}

/** Counts sockets that leave from now on, by Socket.IO's reason. */
export function countDisconnects(io: Server): Reasons {
  const { reasons, count } = counter()
  io.on('connection', (socket) => socket.on('disconnect', count))
  return reasons
}

function counter(): { reasons: Reasons; count(reason: string): void } {
  const reasons: Record<string, number> = {}
  return {
    reasons,
    count: (reason) => {
      reasons[reason] = (reasons[reason] ?? 0) + 1
    },
  }
}
