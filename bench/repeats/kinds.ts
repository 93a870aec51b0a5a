/** What a client of a Socket.IO server can do again and again. */

export interface Kind {
  readonly words: string
  /** Of the repetitions that are asked for, so many; connections cost a hundred times as much. */
  readonly share?: number
  /** How the client comes in. */
  readonly by?: 'websocket' | 'rejoins' | 'connections' | 'probes' | 'polling' | 'upgrades'
  /** The client's transport is open, but it has joined no namespace. */
  readonly joinsNothing?: boolean
  /** The server shuts down; without the plugin it refuses whoever joins. */
  readonly shutdown?: boolean
  /** What a client says on its WebSocket each time: texts of Engine.IO's packets. */
  readonly says?: (n: number) => readonly string[]
  /** A ping of the WebSocket protocol in place of a text. */
  readonly pings?: boolean
}

const once = (text: string) => () => [text]

export const KINDS = {
  namespaces: { words: 'joins dynamic namespaces', says: (n) => [`40/room-${n},`] },
  rejoins: { words: 'leaves and joins one namespace', by: 'rejoins' },
  unknown: { words: 'asks for a namespace that is none', says: once('40/unknown,') },
  shutdown: {
    words: 'joins while the server shuts down',
    says: once('40'),
    joinsNothing: true,
    shutdown: true,
  },
  rooms: {
    words: 'is put into rooms and taken out of them',
    says: (n) => [`42["join","room-${n}"]`, `42["leave","room-${n}"]`],
  },
  events: { words: 'emits', says: once('42["nothing"]') },
  acks: { words: 'emits and is answered', says: (n) => [`42${n}["ask"]`] },
  asked: { words: 'is asked, and answers', says: once('42["askMe"]') },
  strayAcks: { words: 'answers what it was not asked', says: (n) => [`43${n + 1_000_000}[]`] },
  echoes: { words: 'is emitted to', says: once('42["echo"]') },
  broadcasts: { words: 'makes the server broadcast', says: once('42["all"]') },
  paced: { words: 'is emitted to by one who waits for `drain`', says: once('42["paced"]') },
  heartbeats: { words: 'sends heartbeats', says: once('3') },
  pings: { words: 'sends pings', pings: true },
  reconnects: { words: 'connects, joins and leaves', by: 'connections', share: 1 / 16 },
  upgrades: { words: 'connects by polling and upgrades', by: 'upgrades', share: 1 / 16 },
  probes: { words: 'tries an upgrade and gives it up', by: 'probes', share: 1 / 16 },
  polls: { words: 'posts, and polls', by: 'polling', share: 1 / 8 },
} as const satisfies Readonly<Record<string, Kind>>

export type KindName = keyof typeof KINDS
export const KIND_NAMES = Object.keys(KINDS) as KindName[]
