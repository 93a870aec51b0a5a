import type { Bytes } from '../base/units.ts'

/** A connection that is gone, as far as its kernel socket is concerned. */
export interface LingeringLink {
  /** Memory that is held for it. */
  readonly cost: Bytes
  whenGone(callback: () => void): void
  terminate(): void
  detach(): void
}

/**
 * Connections that are gone, with kernel sockets that are not: `ws` waits half a minute for the
 * answer to a close.
 */
export class LingeringSockets {
  readonly #links = new Set<LingeringLink>()
  readonly #onGone: () => void

  /** @param onGone told whenever one has gone */
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

  /** Ends those for which memory is held. @returns bytes that are freed by it */
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

  /** Lets go of all of them, which stay as they are. */
  close(): void {
    for (const link of this.#links) link.detach()
    this.#links.clear()
  }
}
