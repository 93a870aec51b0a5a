/** What a client speaks. */
export interface Speech {
  readonly transport: (typeof TRANSPORTS)[number]
  readonly protocol: (typeof PROTOCOLS)[number]
}

export const TRANSPORTS = ['websocket', 'polling'] as const
/** Of Engine.IO: 3 is what clients of Socket.IO 2 speak. */
export const PROTOCOLS = ['4', '3'] as const
