import type { Bytes } from '../base/units.ts'

/** A connection that Engine.IO has closed and whose kernel socket is still open. */
export interface LingeringLink {
  /** Bytes of memory held for it. */
  readonly cost: Bytes
  whenGone(callback: () => void): void
  terminate(): void
  detach(): void
}

/**
 * Closed connections whose kernel sockets are still open, since `ws` waits up to half a minute for the
 * answer to a close frame.
 */
export class LingeringSockets {
  readonly #links = new Set<LingeringLink>()
  readonly #onGone: () => void

  /** @param onGone called whenever a kernel socket has gone */
  constructor(onGone: () => void) {
    this.#onGone = onGone
  }

  get size(): number {
    return this.#links.size
  }

  add(link: LingeringLink): void {
    this.#links.add(link)
    link.whenGone(() => {
      this.#links.delete(link)
      this.#onGone()
    })
  }

  terminateAll(): void {
    for (const link of [...this.#links]) link.terminate()
  }

  /** Terminates those for which memory is held. @returns bytes that this frees */
  free(): Bytes {
    let freed = 0
    for (const link of [...this.#links]) {
      const { cost } = link
      if (cost === 0) continue
      freed += cost
      link.terminate()
    }
    return freed
  }

  /** Forgets all of them, without closing any. */
  close(): void {
    for (const link of this.#links) link.detach()
    this.#links.clear()
  }
}
