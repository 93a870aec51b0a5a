/** What a client asks a WebSocket server first, without a library. */
export function upgradeRequest(path: string, userAgent = 'bench'): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `User-Agent: ${userAgent}\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  )
}

export const SOCKET_IO_PATH = '/socket.io/?EIO=4&transport=websocket'
