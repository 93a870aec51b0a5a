import { DeliveryWindow } from '../../lib/window/delivery-window.ts'

export const SUBJECTS = ['socket.io', 'spillway', 'spillway-no-window'] as const
export type Subject = (typeof SUBJECTS)[number]

/**
 * No option does that: without the window a client on a slow link is as badly off as without the
 * library. A window that is blind from the first message on counts nothing and asks for nothing.
 */
const off = {
  written(this: DeliveryWindow) {
    this.blind = true
  },
  probeDue: () => false,
  markerDue: () => false,
  tailDue: () => false,
  hasRoom: () => true,
  roomAt: (_bytes: number, now: number) => now,
}

const { prototype } = DeliveryWindow
const { written, probeDue, markerDue, tailDue, hasRoom, roomAt } = prototype
const on = {
  written(this: DeliveryWindow, bytes: number, now: number) {
    this.blind = false
    written.call(this, bytes, now)
  },
  probeDue,
  markerDue,
  tailDue,
  hasRoom,
  roomAt,
}

/**
 * Turns the window on or off for the clients of this process. Two processes differ by more than
 * the window costs, even if they run the same code.
 */
export function switchWindow(enabled: boolean): void {
  Object.assign(prototype, enabled ? on : off)
}
