/** A count of bytes. */
export type Bytes = number
/** A span of time, or an instant of a monotonic clock, in milliseconds. */
export type Millis = number

export const KiB: Bytes = 1024
export const MiB: Bytes = 1024 * KiB

/** A rate in bytes a millisecond, which is about KB/s. */
export type BytesPerMilli = number
