import type { Limits } from '../../lib/base/limits.ts'
import type { Message, Offering, Subject } from './subject.ts'

/**
 * Whether it is the first that waits, or is being offered and would be: nothing waits, or what waits
 * is of lower ranks.
 */
export function isNext(
  { offering }: Subject,
  queue: readonly Message[],
  message: Message,
): boolean {
  const [first] = queue
  if (first === message) return true
  if (offering?.message !== message || offering.settled) return false
  return !first || (!message.isCritical && rankOf(message) > rankOf(first))
}

export function rankOf({ envelope }: Message): number {
  return envelope.rule.rank
}

/** Whether its client is closed, or it is the one too many. */
export function isLost(subject: Subject, message: Message, releasing: boolean): boolean {
  const { channel, conn, offering, critical, closing } = subject
  if (offering?.message === message) return true
  const isShut = channel.link.ending === 'shut'
  const isClosing = closing || channel.closedBy !== undefined || isShut
  return (conn.readyState === 'closed' || (releasing && isClosing)) && critical[0] === message
}

/** What may be dropped for a newcomer, first those that go first, and what it needs. */
export function claims(cosmetic: readonly Message[], { message, replaced }: Offering) {
  const { rank, drop } = message.envelope.rule
  const upTo = drop === 'oldest' ? rank : rank - 1
  const victims = cosmetic
    .filter((each) => each !== replaced && each.envelope.rule.rank <= upTo)
    .sort((a, b) => a.envelope.rule.rank - b.envelope.rule.rank)
  return { victims, growth: message.envelope.bytes - (replaced?.envelope.bytes ?? 0) }
}

/** Above it a client is congested, however much its path carries soon. */
export function mostHigh({ horizon, high, limit, emergency }: Limits): number {
  return horizon === 0 ? high : Math.max(limit, emergency / 2)
}

export function isAbove({ message, buffered, replaced }: Offering, high: number): boolean {
  return buffered + message.envelope.bytes - (replaced?.envelope.bytes ?? 0) > high
}

/** Whether what it has received is known otherwise, or not at all. */
export function mayBeSpared({ channel, sentBytes, provenBytes }: Subject): boolean {
  return channel.window.blind || channel.buffered === 0 || sentBytes === provenBytes
}

/**
 * @param late of the loop, which reads answers so much later
 * @param patience with which its page or its machine is given time to answer
 * @returns whether it may have taken something since it had caught up, or can't have shown that yet
 */
export function mayHaveTaken(
  { channel, conn, caughtUp, answeredAt, behindSince = 0 }: Subject,
  at: number,
  late: number,
  patience: number,
): boolean {
  const { blind, path } = channel.window
  if (blind || conn.upgrading || answeredAt >= caughtUp.at) return true
  return at - behindSince < Math.max(patience, 2 * ((path.minRtt ?? 0) + late))
}

export function differs(
  lane: Subject['channel']['critical'],
  model: readonly Message[],
): string | undefined {
  if (lane.messages !== model.length) return `${lane.messages} messages, not ${model.length}`
  if (lane.bytes !== bytesOf(model)) return `${lane.bytes} bytes, not ${bytesOf(model)}`
  let index = 0
  for (const envelope of lane) {
    if (envelope !== model[index]?.envelope) return `order differs at ${index}`
    index++
  }
  return index !== model.length ? `${index} entries, not ${model.length}` : undefined
}

export function bytesOf(messages: readonly Message[]): number {
  let bytes = 0
  for (const { envelope } of messages) bytes += envelope.bytes
  return bytes
}
