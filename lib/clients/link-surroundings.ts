import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Emptied, LinkHost } from '../link/link.ts'
import type { StraySockets } from '../link/stray-sockets.ts'
import type { LoopDelay } from '../loop/loop-delay.ts'
import type { TickMember, TurnScheduler } from '../loop/turn-scheduler.ts'
import type { FrameBatches } from '../message/frame-batch.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import type { Meters } from '../telemetry/meters.ts'

/** What the surroundings of all links are made of. */
interface Shared {
  /** The limits in force. */
  readonly limits: Limits
  /** The limits as they are configured. */
  readonly configured: Limits
  readonly meters: Meters
  readonly batches: FrameBatches
  readonly heldBytes: HeldBytes
  readonly strays: StraySockets
  readonly scheduler: TurnScheduler
  readonly loopDelay: LoopDelay
}

/** What all links of a server share: its event loop, its limits and its memory. */
export class LinkSurroundings implements LinkHost, TickMember {
  readonly batches: FrameBatches
  readonly heldBytes: HeldBytes
  readonly strays: StraySockets
  readonly #shared: Shared
  readonly #clock: Clock
  /** Links with listeners of `drain` to be called when a tick ends. */
  readonly #emptied = new Set<Emptied>()

  constructor(shared: Shared, clock: Clock) {
    this.batches = shared.batches
    this.heldBytes = shared.heldBytes
    this.strays = shared.strays
    this.#shared = shared
    this.#clock = clock
  }

  now(): Millis {
    return this.#clock.now()
  }

  get busyTime(): Millis {
    return this.#shared.loopDelay.busyTime
  }

  get plain(): boolean {
    return this.#shared.configured.mode === 'observe'
  }

  /** A link is handed no more at once than what its client may have buffered without congestion. */
  get handover(): Bytes {
    return this.#shared.limits.low
  }

  unasked(): void {
    this.#shared.meters.unaskedAnswers++
  }

  whenTickEnds(member: TickMember): void {
    this.#shared.scheduler.whenTickEnds(member)
  }

  afterTick(member: TickMember): void {
    this.#shared.scheduler.afterTick(member)
  }

  emptied(link: Emptied): void {
    if (this.#emptied.size === 0) this.afterTick(this)
    this.#emptied.add(link)
  }

  tickEnded(): void {
    try {
      for (const link of this.#emptied) {
        this.#emptied.delete(link)
        link.tellDrained()
      }
    } finally {
      // a listener of the application has thrown
      if (this.#emptied.size > 0) this.afterTick(this)
    }
  }
}
