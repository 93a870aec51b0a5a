import { MiB, type Spillway } from '../../lib/index.ts'

export type Mode = 'enforce' | 'observe'

export interface ModeState {
  readonly mode: Mode
  /** Milliseconds until `enforce` returns by itself; `null` in that mode. */
  readonly returnsIn: number | null
  /** Why it returned, if it did so by itself. */
  readonly notice: string | null
}

const OBSERVE_MS = 60_000
const OBSERVE_BYTES = 32 * MiB
const CHECK_MS = 250

/** Lets a visitor switch to `observe`, and back before the backlogs cost too much memory. */
export class ModeSwitch {
  readonly #spillway: Spillway
  #notice: string | null = null
  #until = 0
  #timer: NodeJS.Timeout | undefined

  constructor(spillway: Spillway) {
    this.#spillway = spillway
  }

  get state(): ModeState {
    const { mode } = this.#spillway.limits
    const returnsIn = mode === 'observe' ? Math.max(0, this.#until - performance.now()) : null
    return { mode, returnsIn, notice: this.#notice }
  }

  set(mode: Mode): void {
    this.close()
    this.#notice = null
    this.#spillway.setMode(mode)
    if (mode === 'enforce') return
    this.#until = performance.now() + OBSERVE_MS
    this.#timer = setInterval(() => this.#check(), CHECK_MS)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #check(): void {
    const over = this.#whyOver()
    if (over === undefined) return
    this.set('enforce')
    this.#notice = `Back to enforce: ${over}.`
  }

  #whyOver(): string | undefined {
    if (performance.now() >= this.#until) return `${OBSERVE_MS / 1000} s of observe are over`
    for (const { buffered } of this.#spillway.clients()) {
      if (buffered > OBSERVE_BYTES) return `a client has a backlog of ${OBSERVE_BYTES / MiB} MiB`
    }
    return undefined
  }
}
