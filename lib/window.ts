import type { Bytes } from './units.ts'

/** How much may be in flight to one client: cosmetic messages ask it before they are sent. */
export interface DeliveryWindow {
  hasRoom(bytes: Bytes): boolean
}

/** Without delivery markers nothing is known about what is in flight: only the link limits. */
export const openWindow: DeliveryWindow = { hasRoom: () => true }
