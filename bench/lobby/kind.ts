/**
 * `healthy` reads everything at once; `slow` reads 10 KB a second; `stopped` reads nothing once it
 * was told to; `vanishing` is a healthy one whose link will be cut.
 */
export type Kind = 'healthy' | 'slow' | 'stopped' | 'vanishing'

/** By its user agent a client is known on the dashboard. */
export const userAgentOf = (kind: Kind): string => `Lobby (${kind})`
