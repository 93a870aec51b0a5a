/** A path, and what is sent over it. */
export interface Cell {
  /** Of the link, to the client; 0: as fast as the machine. */
  readonly rateKbit: number
  /** One way. */
  readonly delayMs: number
  /** Each portion is up to so much later, in both directions; the order stays. */
  readonly jitterMs: number
  /** Portions are let through every so many milliseconds only; 0: at once. */
  readonly bunchMs: number
  readonly messageBytes: number
  /** Cosmetic ones, emitted in one tick, `everyMs`. */
  readonly messages: number
  readonly everyMs: number
  /** Between two critical messages, in step with nothing else. */
  readonly criticalMs: number
  readonly criticalBytes: number
}

export const DEFAULTS: Cell = {
  rateKbit: 8000,
  delayMs: 20,
  jitterMs: 0,
  bunchMs: 0,
  messageBytes: 2048,
  messages: 8,
  everyMs: 50,
  criticalMs: 487,
  criticalBytes: 2048,
}

/** 640 KB/s. */
const busy = { messages: 16 }
/** 320 KB in one tick. */
const burst = { messages: 160, everyMs: 1000 }
/** 400 KB/s. */
const big = { messageBytes: 102_400, messages: 1, everyMs: 250 }
/** Three times what 100 kbit/s can carry. */
const trickle = { messages: 1, criticalMs: 973 }

const cell = (of: Partial<Cell>): Cell => ({ ...DEFAULTS, ...of })

/** Paths that carry what they are sent. */
const healthy = {
  'jitter-20-120': cell({ rateKbit: 8000, delayMs: 20, jitterMs: 100 }),
  'release-100': cell({ rateKbit: 20_000, delayMs: 2, bunchMs: 100 }),
  'release-200': cell({ rateKbit: 20_000, delayMs: 2, bunchMs: 200 }),
  'release-300': cell({ rateKbit: 20_000, delayMs: 2, bunchMs: 300 }),
  '20m-rtt-300': cell({ rateKbit: 20_000, delayMs: 150, ...busy }),
  '8m-rtt-150': cell({ rateKbit: 8000, delayMs: 75, ...busy }),
  'burst-loopback': cell({ rateKbit: 0, delayMs: 0, ...burst }),
  'burst-100m': cell({ rateKbit: 100_000, delayMs: 10, ...burst }),
  'burst-8m': cell({ rateKbit: 8000, delayMs: 30, ...burst }),
  'big-8m': cell({ rateKbit: 8000, delayMs: 30, ...big }),
  'big-8m-rtt-300': cell({ rateKbit: 8000, delayMs: 150, ...big }),
}

/** Paths that can't. */
const slow = {
  '100k-rtt-2': cell({ rateKbit: 100, delayMs: 1, ...trickle }),
  '100k-rtt-100': cell({ rateKbit: 100, delayMs: 50, ...trickle }),
  '100k-rtt-300': cell({ rateKbit: 100, delayMs: 150, ...trickle }),
  '32k-rtt-100': cell({ rateKbit: 32, delayMs: 50, ...trickle }),
}

export const cells: Readonly<Record<string, Cell>> = { ...healthy, ...slow }

/** Names for several cells. */
export const groups: Readonly<Record<string, readonly string[]>> = {
  healthy: Object.keys(healthy),
  slow: Object.keys(slow),
}

/** Of the path, as a perfect estimate would have it; `null` where nothing limits it. */
export interface Truth {
  /** Bytes a second. */
  readonly rate: number | null
  /** Without jitter and bunching. */
  readonly minRtt: number
  /** How much later than that an answer may be by itself. */
  readonly noise: number
}

export function truthOf({ rateKbit, delayMs, jitterMs, bunchMs }: Cell): Truth {
  const rate = rateKbit === 0 ? null : (rateKbit * 1000) / 8
  return { rate, minRtt: 2 * delayMs, noise: 2 * (jitterMs + bunchMs) }
}
