/** A path, as it is met in the field. Spans in milliseconds. */
export interface PathShape {
  /** Of the bottleneck; 0 is a loopback. */
  readonly kbit: number
  /** Both ways together, without jitter and bunching. */
  readonly rtt?: number
  /** Added to each packet and each answer, up to so much; their order stays. */
  readonly jitter?: number
  /** Packets, and answers, are let through so often only. */
  readonly bunch?: number
  /** A token bucket: so many bytes pass at once after a rest. */
  readonly bucket?: number
  /** Bytes that the kernel takes of what is not sent yet. */
  readonly buffer?: number
  /** About so often a packet is lost, and what follows it waits so long. */
  readonly loss?: { readonly every: number; readonly stall: number }
  /** TCP begins anew after each rest. */
  readonly slowStart?: boolean
  /** The client answers nothing for so long, so often. */
  readonly busyClient?: Busy
}

export interface Busy {
  readonly every: number
  readonly lasts: number
}

/** What is sent over it. */
interface Load {
  readonly bytes: number
  readonly criticalBytes?: number
  /** Cosmetic messages each `every` milliseconds. */
  readonly messages: number
  readonly every: number
  /** Between critical messages; else each `criticalEvery`-th message is one. */
  readonly critical?: number
  readonly criticalEvery?: number
}

export interface Cell extends PathShape, Load {
  readonly name: string
  /** Of the load, after the start-up. */
  readonly seconds?: number
  /** Nothing is sent for a while: on for so long, off for so long. */
  readonly rests?: { readonly on: number; readonly off: number }
  /** The server's event loop does something else for so long, so often. */
  readonly busyServer?: Busy
  /** The bottleneck's rate: at, to in kbit/s. */
  readonly changes?: ReadonlyArray<readonly [at: number, kbit: number]>
  /** The client gets another path, without being disconnected. */
  readonly moves?: { readonly at: number; readonly to: PathShape }
  /** So much of the rate is another's, for so long, so often. */
  readonly competing?: { readonly every: number; readonly lasts: number; readonly share: number }
}

const lobby = { bytes: 2048, messages: 8, every: 50 }
const busy = { bytes: 2048, messages: 16, every: 50 }
const burst = { bytes: 2048, messages: 160, every: 1000 }
const big = { bytes: 102_400, messages: 1, every: 250, criticalBytes: 2048 }
const trickle = { bytes: 2048, messages: 1, every: 50, criticalEvery: 20 }
const light = { bytes: 512, messages: 3, every: 100 }

/** Paths that carry their load. */
export const HEALTHY: readonly Cell[] = [
  { name: 'loopback', kbit: 0, ...lobby },
  { name: '8M rtt 60', kbit: 8000, rtt: 60, ...lobby },
  { name: '8M rtt 40 jitter 20', kbit: 8000, rtt: 40, jitter: 20, ...lobby },
  { name: '8M rtt 40 jitter 100', kbit: 8000, rtt: 40, jitter: 100, ...lobby },
  { name: '8M rtt 40 jitter 300', kbit: 8000, rtt: 40, jitter: 300, ...lobby },
  { name: '4M rtt 40 jitter 100', kbit: 4000, rtt: 40, jitter: 100, ...lobby },
  { name: '20M bunch 20', kbit: 20_000, bunch: 20, ...lobby },
  { name: '20M bunch 100', kbit: 20_000, bunch: 100, ...lobby },
  { name: '20M bunch 300', kbit: 20_000, bunch: 300, ...lobby },
  { name: '5M rtt 40 bunch 100', kbit: 5000, rtt: 40, bunch: 100, ...lobby },
  { name: '20M rtt 300', kbit: 20_000, rtt: 300, ...busy },
  { name: '8M rtt 150', kbit: 8000, rtt: 150, ...busy },
  { name: '8M rtt 600', kbit: 8000, rtt: 600, ...busy },
  { name: '100M rtt 300', kbit: 100_000, rtt: 300, bytes: 2048, messages: 40, every: 50 },
  { name: '100M rtt 300 at 2 MB/s', kbit: 100_000, rtt: 300, bytes: 2560, messages: 40, every: 50 },
  { name: 'burst loopback', kbit: 0, ...burst },
  { name: 'burst 100M rtt 20', kbit: 100_000, rtt: 20, ...burst },
  { name: 'burst 8M rtt 60', kbit: 8000, rtt: 60, ...burst },
  { name: 'burst 8M rtt 40 jitter 50', kbit: 8000, rtt: 40, jitter: 50, ...burst },
  { name: 'big 8M rtt 60', kbit: 8000, rtt: 60, ...big },
  { name: 'big 20M rtt 100 jitter 50', kbit: 20_000, rtt: 100, jitter: 50, ...big },
  { name: '300k rtt 60 light', kbit: 300, rtt: 60, ...light },
  { name: '300k rtt 60 jitter 200 light', kbit: 300, rtt: 60, jitter: 200, ...light },
  {
    name: '1M rtt 40 jitter 100 light',
    kbit: 1000,
    rtt: 40,
    jitter: 100,
    bytes: 1024,
    messages: 3,
    every: 50,
  },
  { name: '8M token bucket 1600', kbit: 8000, rtt: 60, bucket: 1600, ...lobby },
  { name: '4M token bucket 64K', kbit: 4000, rtt: 60, bucket: 65_536, ...lobby },
  { name: '8M rtt 60 rests', kbit: 8000, rtt: 60, rests: { on: 1500, off: 3500 }, ...lobby },
  {
    name: '8M rtt 40 jitter 100 rests',
    kbit: 8000,
    rtt: 40,
    jitter: 100,
    rests: { on: 1500, off: 3500 },
    ...lobby,
  },
  { name: '8M rtt 100 slow start', kbit: 8000, rtt: 100, slowStart: true, ...lobby },
  {
    name: '20M rtt 200 slow start rests',
    kbit: 20_000,
    rtt: 200,
    slowStart: true,
    rests: { on: 3000, off: 2000 },
    ...lobby,
  },
  { name: '8M rtt 60 loss', kbit: 8000, rtt: 60, loss: { every: 3000, stall: 260 }, ...lobby },
  {
    name: '20M rtt 100 loss often',
    kbit: 20_000,
    rtt: 100,
    loss: { every: 1000, stall: 300 },
    ...lobby,
  },
  {
    name: '8M rtt 40 competing',
    kbit: 8000,
    rtt: 40,
    competing: { every: 4000, lasts: 1000, share: 0.5 },
    ...lobby,
  },
  {
    name: '8M rtt 40 jitter 50 competing',
    kbit: 8000,
    rtt: 40,
    jitter: 50,
    competing: { every: 4000, lasts: 1000, share: 0.5 },
    ...lobby,
  },
  {
    name: '100M rtt 20 busy server',
    kbit: 100_000,
    rtt: 20,
    busyServer: { every: 150, lasts: 50 },
    ...lobby,
  },
  {
    name: 'loopback busy server',
    kbit: 0,
    busyServer: { every: 150, lasts: 50 },
    ...lobby,
  },
  {
    name: '8M rtt 60 busy client',
    kbit: 8000,
    rtt: 60,
    busyClient: { every: 1000, lasts: 300 },
    ...lobby,
  },
  {
    name: '100M rtt 20 busy client',
    kbit: 100_000,
    rtt: 20,
    busyClient: { every: 300, lasts: 100 },
    ...busy,
  },
]

/** Paths that can't. */
export const SATURATED: readonly Cell[] = [
  { name: '100k rtt 2', kbit: 100, rtt: 2, ...trickle },
  { name: '100k rtt 100', kbit: 100, rtt: 100, ...trickle },
  { name: '100k rtt 300', kbit: 100, rtt: 300, ...trickle },
  { name: '100k rtt 2 token bucket', kbit: 100, rtt: 2, bucket: 1600, ...trickle },
  { name: '100k rtt 100 token bucket', kbit: 100, rtt: 100, bucket: 1600, ...trickle },
  { name: '100k rtt 300 token bucket', kbit: 100, rtt: 300, bucket: 1600, ...trickle },
  { name: '100k rtt 40 jitter 50', kbit: 100, rtt: 40, jitter: 50, ...trickle },
  { name: '100k rtt 60 lobby', kbit: 100, rtt: 60, ...lobby, critical: 2000 },
  { name: '32k rtt 100', kbit: 32, rtt: 100, ...trickle },
  { name: '80k rtt 2', kbit: 80, rtt: 2, ...trickle, bytes: 2000 },
  { name: '80k rtt 2 small', kbit: 80, rtt: 2, ...trickle, bytes: 300, messages: 7 },
  { name: '1M rtt 60', kbit: 1000, rtt: 60, ...lobby },
  { name: '1M rtt 40 jitter 100', kbit: 1000, rtt: 40, jitter: 100, ...lobby },
  { name: '1M rtt 40 bunch 100', kbit: 1000, rtt: 40, bunch: 100, ...lobby },
  { name: '1M rtt 300', kbit: 1000, rtt: 300, ...lobby },
  { name: '1M rtt 60 token bucket 16K', kbit: 1000, rtt: 60, bucket: 16_384, ...lobby },
  { name: '1M rtt 60 burst', kbit: 1000, rtt: 60, ...burst },
  { name: '1M rtt 60 big', kbit: 1000, rtt: 60, ...big },
  { name: '1M rtt 60 loss', kbit: 1000, rtt: 60, loss: { every: 3000, stall: 260 }, ...lobby },
  { name: '8M to 800k', kbit: 8000, rtt: 60, ...busy, changes: [[6000, 800]], critical: 97 },
  { name: '800k to 8M', kbit: 800, rtt: 60, ...busy, changes: [[6000, 8000]] },
  { name: '1M to 100k', kbit: 1000, rtt: 60, ...lobby, changes: [[6000, 100]], critical: 2000 },
  {
    name: '1M to 100k jitter 50',
    kbit: 1000,
    rtt: 60,
    jitter: 50,
    ...lobby,
    changes: [[6000, 100]],
    critical: 2000,
  },
]

const cable = { kbit: 100_000, rtt: 4 }
const near = { kbit: 8000, rtt: 4 }
const wifi = { kbit: 32_000, rtt: 6, bunch: 100 }
const mobile = { kbit: 8000, rtt: 60, jitter: 60 }
const satellite = { kbit: 8000, rtt: 500 }

/** A path that carries its load, and from the eighth second on another one that does so, too. */
function moving(name: string, from: PathShape, to: PathShape, load: Load = lobby): Cell {
  return { name, ...from, ...load, moves: { at: 8013, to } }
}

export const MOVING: readonly Cell[] = [
  moving('cable to far away', cable, { kbit: 8000, rtt: 100 }),
  moving('cable to farther away', cable, { kbit: 100_000, rtt: 300 }),
  moving('cable to satellite', cable, satellite),
  moving('cable to a noisy satellite', cable, { ...satellite, jitter: 50 }),
  moving('cable to jitter 100', cable, { kbit: 8000, rtt: 100, jitter: 100 }),
  moving('cable to bunch 300', cable, { kbit: 20_000, rtt: 60, bunch: 300 }),
  moving('loopback to satellite', { kbit: 0 }, satellite),
  moving('near to satellite', near, satellite),
  moving('near to satellite, big', near, satellite, big),
  moving('Wi-Fi to satellite', wifi, satellite),
  moving('Wi-Fi to mobile', wifi, mobile),
  moving('mobile to satellite', mobile, satellite),
  moving('8M rtt 60 to 20M rtt 600', { kbit: 8000, rtt: 60 }, { kbit: 20_000, rtt: 600 }),
  moving('satellite to cable', satellite, cable),
]
