import { Channel, type ChannelHost } from '../../lib/channel/channel.ts'
import { Lane } from '../../lib/channel/lane.ts'
import { HANDOVER } from '../../lib/link/link.ts'
import { HeldBytes } from '../../lib/message/held-bytes.ts'
import { Meters } from '../../lib/telemetry/meters.ts'
import { criticalRule, envelope, rule } from '../../spec/support/fakes/envelopes.ts'
import { FakeLink } from '../../spec/support/fakes/fake-link.ts'
import { LIMITS } from '../../spec/support/fakes/simulation.ts'
import { serve } from '../../spec/support/process/serve.ts'

/** Channels and lanes of so many clients without any transport, alone in their process. */

export interface Size {
  readonly clients: number
  /** Of a message. */
  readonly bytes: number
}

/** At each size the same number, so that each is measured for about as long. */
const OPERATIONS = 2_800_000
/** Passes that are not measured, in which each window learns its path. */
const START_UP = 50
/** Envelopes that wait in a lane. */
const WAITING = 4
/** Of the channels' clock: between two passes, and from a message to the answer of its marker. */
const PASS_MS = 100
const ROUND_TRIP_MS = 1

const host: ChannelHost = {
  limits: LIMITS,
  watch() {},
  unwatch() {},
  wake() {},
  catchUp() {},
  scheduler: { add() {}, spent: () => false, tick: () => 0, turn: () => 0 },
  now: () => 0,
  overfull: false,
  relieve() {},
  limitsFor: () => LIMITS,
  lookClosely() {},
  meters: new Meters(),
  heldBytes: new HeldBytes(),
  loopDelay: { at: () => 0 },
  disconnected() {},
  congested() {},
  recovered() {},
}

const handlers = {
  /**
   * Each client is sent a critical message and a cosmetic one, on the direct path.
   *
   * @returns operations a second; one is `offer` and `serve` of one message for one client
   * @throws Error if a message was not sent at once: it would have been another path
   */
  channel({ clients, bytes }: Size): number {
    const all = Array.from({ length: clients }, (_, index) => channelOf(String(index)))
    const critical = envelope({ rule: criticalRule, bytes })
    // the same one for all passes, which last for minutes of the channels' clock
    const forever = rule({ class: 'cosmetic', maxAge: Number.POSITIVE_INFINITY })
    const cosmetic = envelope({ rule: forever, bytes })
    let now = 0
    return operationsPerSecond(
      2 * clients,
      () => {
        let sent = 0
        for (const each of [critical, cosmetic]) {
          for (const { channel } of all) {
            if (channel.offer(each, now) === 'sent') sent++
            channel.serve(now)
          }
        }
        return sent
      },
      () => {
        for (const { channel, link } of all) takeAll(channel, link, now + ROUND_TRIP_MS)
        now += PASS_MS
      },
    )
  },

  /** @returns operations a second; one is a `push` or a `shift` */
  lane({ clients, bytes }: Size): number {
    const waiting = envelope({ rule: rule({ class: 'cosmetic' }), bytes })
    const lanes = Array.from({ length: clients }, () => {
      const lane = new Lane(new HeldBytes())
      for (let n = 0; n < WAITING; n++) lane.push(waiting)
      return lane
    })
    return operationsPerSecond(2 * clients, () => {
      let done = 0
      for (const lane of lanes) {
        lane.push(waiting)
        if (lane.shift()) done += 2
      }
      return done
    })
  },
}
export type OperationsHandlers = typeof handlers

/**
 * @param each operations of a pass
 * @param pass what is timed; returns how many operations it has done
 * @param between what happens after each pass, not timed
 */
function operationsPerSecond(each: number, pass: () => number, between = (): void => {}): number {
  const passes = Math.ceil(OPERATIONS / each)
  let spentMs = 0
  for (let n = -START_UP; n < passes; n++) {
    // garbage of the start-up and of what was measured before
    if (n === 0) globalThis.gc!()
    const since = performance.now()
    const done = pass()
    if (n >= 0) spentMs += performance.now() - since
    between()
    if (n >= 0 && done !== each) throw new Error(`${done} of ${each} operations as expected`)
  }
  return (1000 * passes * each) / spentMs
}

function channelOf(id: string): { readonly channel: Channel; readonly link: FakeLink } {
  const link = new FakeLink()
  link.proof = 'markers'
  link.handover = HANDOVER
  return { channel: new Channel(id, link, host, 0), link }
}

/** The client takes everything and answers; the link forgets it, or `outstanding` became slower. */
function takeAll(channel: Channel, link: FakeLink, now: number): void {
  link.written.length = 0
  const sequence = link.marks.at(-1)
  link.marks.length = 0
  if (sequence !== undefined) channel.answered(sequence, now)
}

serve(handlers)
