import type { Fixture } from './server.ts'

/** A connection of Engine.IO as the other nodes of a cluster handle it: they send no event. */
interface SharedConnection extends NodeJS.EventEmitter {
  upgraded: boolean
  flush(): void
  onPacket(packet: { type: string; data?: string }): void
  readonly transport: NodeJS.EventEmitter & {
    writable: boolean
    send: (packets: Packet[]) => void
    readonly socket?: NodeJS.EventEmitter
  }
}

interface Packet {
  readonly type: string
  readonly data?: string
}

export function connectionOf({ io }: Fixture): SharedConnection {
  const [conn] = Object.values(Reflect.get(io.engine, 'clients')) as [SharedConnection]
  return conn
}

/** The client polls at another node. @returns what the response there carries */
export function pollElsewhere(conn: SharedConnection): Promise<string[]> {
  const { transport } = conn
  const { send } = transport
  return new Promise((resolve) => {
    transport.writable = true
    transport.send = (packets) => {
      transport.writable = false
      transport.send = send
      resolve(textsOf(packets))
    }
    conn.flush()
  })
}

/** The client upgrades at another node. @returns what the WebSocket there carries, as it grows */
export function upgradeElsewhere(conn: SharedConnection): string[] {
  const carried: string[] = []
  conn.upgraded = true
  conn.emit('upgrade')
  conn.transport.writable = true
  conn.transport.send = (packets) => carried.push(...textsOf(packets))
  conn.flush()
  return carried
}

function textsOf(packets: readonly Packet[]): string[] {
  return packets.filter(({ type }) => type === 'message').map(({ data }) => data!)
}
