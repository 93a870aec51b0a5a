/** Clients that harm on purpose, and the time in which the server is to be rid of each. */

export interface Attack {
  readonly words: string
  /**
   * Seconds after which none of them may be connected still, by default options; null: it does
   * nothing for which it would have to be closed.
   */
  readonly within: number | null
}

/** Who is closed within a minute of connecting is given twice as long when it comes back. */
export const ATTACKS = {
  deaf: { words: 'joins and reads nothing', within: 50 },
  drip: { words: 'reads a byte a second', within: 50 },
  // without answers to markers it may be a slow reader, until 4 MiB wait for it
  pinger: { words: 'pings, asks for more, and reads nothing', within: 180 },
  forger: { words: 'answers one marker, and forges the rest', within: 180 },
  legacy: { words: 'sends heartbeats of protocol 3, asks for more, reads nothing', within: 180 },
  prober: { words: 'polls no more, and tries an upgrade every second', within: 60 },
  unread: { words: 'polls, says that it lives, and reads no response of 5 MiB', within: 180 },
  flood: { words: 'joins and leaves twenty namespaces a second, and reads', within: null },
  joinless: { words: 'joins nothing', within: 60 },
  // Node's `headersTimeout`, looked at every 30 s
  halfOpen: { words: 'sends half a request', within: 100 },
  midFrame: { words: 'ends in the middle of a frame', within: 10 },
} as const satisfies Readonly<Record<string, Attack>>

export type AttackName = keyof typeof ATTACKS
export const ATTACK_NAMES = Object.keys(ATTACKS) as AttackName[]

const PREFIX = 'Soak hostile '

export const userAgentOf = (name: AttackName): string => `${PREFIX}${name}`

/** @returns undefined for everybody else */
export function attackOf(userAgent: string | null | undefined): AttackName | undefined {
  if (!userAgent?.startsWith(PREFIX)) return undefined
  const name = userAgent.slice(PREFIX.length)
  return ATTACK_NAMES.find((each) => each === name)
}
