import { connect as connectTcp } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Fixture } from '../servers/server.ts'

/** What asks for a connection, and the server's answers. */

export const HANDSHAKE = '/socket.io/?EIO=4&transport=polling'
export const UPGRADE = '/socket.io/?EIO=4&transport=websocket'

/** The whole answer to an upgrade, until the server has closed the connection. */
export async function upgrade({ port }: Fixture, path: string): Promise<string> {
  const socket = connectTcp(port, '127.0.0.1')
  socket.write(upgradeRequest(path))
  return text(socket)
}

export function upgradeRequest(path: string): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  )
}

/** Holds the event loop. */
export function block(millis: number): void {
  for (const until = performance.now() + millis; performance.now() < until; );
}
