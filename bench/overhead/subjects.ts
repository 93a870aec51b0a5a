import type { Server } from 'socket.io'
import { attach } from '../../lib/index.ts'
import { DeliveryWindow } from '../../lib/window.ts'
import { messages } from '../slow-link/messages.ts'

export const SUBJECTS = ['socket.io', 'spillway', 'spillway-no-window'] as const
export type Subject = (typeof SUBJECTS)[number]

export const install: Readonly<Record<Subject, (io: Server) => void>> = {
  'socket.io'() {},
  spillway(io) {
    attach(io, { messages })
  },
  'spillway-no-window'(io) {
    removeWindow()
    attach(io, { messages })
  },
}

/**
 * No option does that: without the window a client on a slow link is as badly off as without the
 * library. A window that is blind from the first message on counts nothing and asks for nothing.
 */
function removeWindow(): void {
  Object.assign(DeliveryWindow.prototype, {
    written(this: DeliveryWindow) {
      this.blind = true
    },
    probeDue: () => false,
    markerDue: () => false,
    tailDue: () => false,
    hasRoom: () => true,
    roomAt: (_bytes: number, now: number) => now,
  })
}
