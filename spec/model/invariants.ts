import {
  type EnforcedClosing,
  MESSAGE_OUTCOMES,
  type MessageOutcome,
} from '../../lib/base/outcomes.ts'
import type { Verdict } from '../../lib/channel/message-scheduler.ts'
import { emergencyPatience } from '../../lib/channel/stalling.ts'
import { HANDOVER } from '../../lib/link/link.ts'
import type { Envelope } from '../../lib/message/envelope.ts'
import type { ShedSummary } from '../../lib/telemetry/shed-episode.ts'
import { SHED_INTERVAL } from './operations.ts'
import {
  bytesOf,
  claims,
  differs,
  isAbove,
  isLost,
  isNext,
  mayBeSpared,
  mayHaveTaken,
  mostHigh,
} from './questions.ts'
import type { Message, Offering, Shed, Subject } from './subject.ts'
import type { World } from './world.ts'

/** What is wrong, if anything. */
type Wrong = string | false | undefined

/**
 * What always holds, in words and in code. A channel is held against a naive model of it: `subject`
 * has what waits in plain arrays, and moves after a check has passed.
 */
interface Invariant {
  readonly words: string
  /** A message is about to get its outcome. */
  outcome?(subject: Subject, message: Message, outcome: MessageOutcome, world: World): Wrong
  /** A message is about to be offered. */
  offering?(subject: Subject, offering: Offering, world: World): Wrong
  /** The connection is gone, and its channel is told of something that waited for its slice. */
  missed?(subject: Subject, message: Message, world: World): Wrong
  /** A message was offered. */
  offered?(subject: Subject, offering: Offering, verdict: Verdict, world: World): Wrong
  /** A part of a message arrives at its client. */
  arrived?(subject: Subject, id: number, part: number, world: World): Wrong
  congested?(subject: Subject, world: World): Wrong
  recovered?(subject: Subject, summary: ShedSummary, now: number, world: World): Wrong
  /** What was shed is told, in a sum with what was told before; while it goes on, or at its end. */
  told?(subject: Subject, sum: Shed, how: 'ongoing' | 'ended', now: number, world: World): Wrong
  /** The channel is about to be terminated. */
  ending?(subject: Subject, code: EnforcedClosing, world: World): Wrong
  /** The connection is gone, and Socket.IO has noticed. */
  closed?(subject: Subject, world: World): Wrong
  /** The tick has ended in which that was. */
  left?(subject: Subject, world: World): Wrong
  /** After an operation, for each client that is connected. */
  client?(subject: Subject, world: World): Wrong
  /** After an operation. */
  world?(world: World): Wrong
  /** Everyone has read and answered all for a while. */
  caughtUp?(world: World): Wrong
  /** Nobody has done anything for a while. */
  stalled?(world: World): Wrong
  /** The process is about to exit. */
  exited?(world: World): Wrong
  /** The library has let go of the server. */
  ended?(world: World): Wrong
}

type Phase = Exclude<keyof Invariant, 'words'>

const INVARIANTS: readonly Invariant[] = [
  {
    words:
      'Critical messages are sent in the order in which they were offered, each once; none is shed, and only a client that is closed leaves one undelivered.',
    outcome(subject, message, outcome, { releasing }) {
      if (!message.isCritical) return
      if (outcome === 'undelivered') return !isLost(subject, message, releasing) && 'undelivered'
      if (outcome !== 'sent') return outcome
      return !isNext(subject, subject.critical, message) && 'not its turn'
    },
  },
  {
    words:
      'Cosmetic messages leave by rank, the highest first, and of one rank in their order, each once, and none while a critical one waits; but one that is too old already, whenever that is noticed. A client that is being closed is sent none.',
    outcome(subject, message, outcome, { loop, clients, releasing }) {
      if (message.isCritical || (outcome !== 'sent' && outcome !== 'expired')) return
      if (outcome === 'expired') {
        const { rule, emittedAt } = message.envelope
        if (loop.now() - emittedAt > (rule.maxAge ?? clients.limits.maxAge)) return
      }
      const { critical, cosmetic, closing } = subject
      // one that went ahead of a DISCONNECT has its place among the critical ones
      if (critical.includes(message)) return critical[0] !== message && 'not its turn'
      if (critical.length > 0) return 'ahead of a critical one'
      if (!isNext(subject, cosmetic, message)) return 'not its turn'
      return closing && !releasing && 'being closed'
    },
  },
  {
    words:
      'A client is offered what is broadcast and what is emitted to it in the order of the emits, of each class, each once; a CONNECT and a DISCONNECT follow all that waits for its slice.',
    offering({ due, conn }, { message, walked }) {
      // it is refused
      if (conn.readyState === 'closed') return
      const { kind } = message.envelope
      const joins = kind === 'connect' || kind === 'disconnect'
      const first = due.find(({ isCritical }) => joins || isCritical === message.isCritical)
      if (walked) return first !== message && 'not its turn'
      return first !== undefined && `ahead of ${first.id}`
    },
  },
  {
    words:
      'Nothing cosmetic is offered while something critical waits for its slice, in its own slice or not.',
    offering({ due, conn }, { message }) {
      if (conn.readyState === 'closed') return
      return !message.isCritical && due.some((each) => each.isCritical) && 'ahead of a critical one'
    },
  },
  {
    words:
      'What was broadcast before the application closes a client is offered before that; what a client that is gone was due counts as undelivered.',
    offering({ channel, closing, closeAsked }, { message, walked }) {
      if (!closing || channel.closedBy !== undefined) return
      return walked && message.id <= closeAsked! && 'after the close'
    },
    missed({ channel, conn, due, discarded, goneAt }, message) {
      if (conn.readyState !== 'closed') return 'it is connected'
      const isLate = goneAt !== undefined && message.id > goneAt
      if (discarded && channel.closedBy === undefined && !isLate) return 'after the close'
      const first = due.find(({ isCritical }) => isCritical === message.isCritical)
      return first !== message && 'not its turn'
    },
    left({ due }) {
      return due.length > 0 && `${due.length} were forgotten`
    },
  },
  {
    words:
      'When the loop has nothing left to do, no broadcast waits for its slice; nor when the process exits, or the library lets go.',
    world({ broadcasts, loop }) {
      return loop.idle && broadcasts.waiting && 'one waits'
    },
    client({ due }, { loop }) {
      return loop.idle && due.length > 0 && `${due.length} wait`
    },
    exited({ broadcasts, subjects }) {
      if (broadcasts.waiting) return 'one waits'
      return subjects.some(({ due }) => due.length > 0) && 'somebody waits'
    },
    ended({ broadcasts, subjects }) {
      if (broadcasts.waiting) return 'one waits'
      return subjects.some(({ due }) => due.length > 0) && 'somebody waits'
    },
  },
  {
    words:
      'The held bytes count what waits for anyone, once; nothing when nobody has anything buffered and nothing is due.',
    world({ clients, subjects, broadcasts, loop }) {
      const held = new Set<Envelope>()
      for (const { channel, due } of subjects) {
        for (const lane of [channel.critical, channel.cosmetic]) {
          for (const envelope of lane) held.add(envelope)
        }
        for (const { envelope } of due) held.add(envelope)
      }
      let least = 0
      for (const { weight } of held) least += weight
      const { bytes } = clients.heldBytes
      if (bytes < least) return `${bytes} bytes, not ${least}`
      if (!loop.idle || broadcasts.waiting) return
      const none = subjects.every(
        ({ channel, conn }) => channel.buffered === 0 && conn.transport.writable,
      )
      return none && bytes > 0 && `${bytes} bytes`
    },
    caughtUp({ clients }) {
      return clients.heldBytes.bytes !== 0 && `${clients.heldBytes.bytes} bytes`
    },
    ended({ clients }) {
      return clients.heldBytes.bytes !== 0 && `${clients.heldBytes.bytes} bytes`
    },
  },
  {
    words:
      'A client receives what it was sent, all parts of a message together, in order and once.',
    arrived({ sent, received, partsLeft }, id, part) {
      const next = sent[received]
      if (next?.id !== id) return `${id} instead of ${next?.id}`
      const awaited = partsLeft > 0 ? next.envelope.parts.length - partsLeft : 0
      return part !== awaited && `part ${part} of ${id} instead of ${awaited}`
    },
  },
  {
    words:
      'A newer message of the same key takes the place of the one that waits, and only that is conflated.',
    outcome({ cosmetic, offering }, message, outcome) {
      if (outcome !== 'conflated') return
      if (!offering || offering.replaced !== message) return 'not the one that waits'
      return !cosmetic.includes(message) && 'it does not wait'
    },
    offered({ cosmetic }, { message, replaced, placed, settled }, verdict) {
      if (message.isCritical || settled || !replaced || verdict === 'refused') return
      if (cosmetic.includes(replaced)) return 'both wait'
      return placed !== (verdict === 'conflated') && verdict
    },
  },
  {
    words:
      'Only a congested client drops: the lowest rank first, of a rank the oldest, as much as the newcomer needs and no more; or the newcomer, if those that it may replace are too few. None makes it congested that comes when no more than low is buffered.',
    outcome({ cosmetic, channel, offering, congestions }, message, outcome, { clients }) {
      if (outcome !== 'dropped') return
      if (!offering || clients.limits.mode !== 'enforce') return 'nothing was offered'
      if (!channel.congested) return 'not congested'
      const becameSo = congestions > offering.congestions
      if (becameSo && offering.buffered <= clients.limits.low) return 'it had caught up'
      const { victims, growth } = claims(cosmetic, offering)
      const room = bytesOf(victims) + offering.freed
      if (message === offering.message) {
        if (offering.freed > 0) return 'others were dropped for it'
        return room >= growth && 'there is room in place of others'
      }
      if (room < growth) return 'in vain'
      if (offering.freed >= growth) return 'more than was needed'
      return victims[0] !== message && `instead of ${victims[0]?.id}`
    },
  },
  {
    words:
      'What expires is older than its maxAge, or will be when the path carries it; what has waited and is sent is not.',
    outcome(subject, message, outcome, { loop, clients, releasing }) {
      const { envelope, isCritical } = message
      const { window } = subject.channel
      const most = envelope.rule.maxAge ?? clients.limits.maxAge
      if (outcome === 'expired') {
        const age = loop.now() + window.queueDelay(loop.now()) - envelope.emittedAt
        return age <= most && `at ${age} ms`
      }
      if (outcome !== 'sent' || isCritical || releasing) return
      if (clients.limits.mode === 'observe') return
      const { offering } = subject
      const delay = offering?.message === message ? 0 : subject.ahead.delayAtEntry
      const age = loop.enteredAt + delay - envelope.emittedAt
      return age > most && `sent at ${age} ms`
    },
  },
  {
    words:
      'What is handed over fits the link, and cosmetic messages the window too; but a message of any size goes when there is nothing ahead of it.',
    outcome(subject, message, outcome, { clients, releasing }) {
      const { low, mode } = clients.limits
      if (outcome !== 'sent' || releasing || mode === 'observe') return
      const { window } = subject.channel
      const { inFlight } = subject.ahead
      const { bytes } = message.envelope
      // a marker may have been written for it
      const outstanding = subject.ahead.outstanding - MARKER
      const { transport } = subject.conn
      // a response to a poll takes all that waits
      const gathers = transport.name === 'polling' && transport.writable
      const room = Math.min(HANDOVER, low) - outstanding
      if (outstanding > 0 && bytes > room && !gathers) return 'no room'
      if (window.blind || message.isCritical || subject.critical.includes(message)) return
      if (inFlight === 0) return
      return inFlight + bytes > subject.channel.ceiling && 'beyond the window'
    },
  },
  {
    words: 'A client that has caught up is sent a critical message at once.',
    offered({ channel }, { message, buffered, closed }, verdict, { clients, loop }) {
      if (buffered > 0 || !message.isCritical || closed || verdict === 'sent') return
      return !(channel.link.immediate && clients.scheduler.spent(loop.now())) && verdict
    },
  },
  {
    words:
      'For everyone, always: sent + shed + undelivered = offered, but for what waits still. Each message has one outcome, which is undelivered for what is refused by a client that is closed or being closed. Messages and bytes add up, by client and by event.',
    offered(_subject, { closed, settled, placed, message }, verdict, { clients }) {
      if (verdict === 'refused') return !settled && 'refused, uncounted'
      if (closed) return 'taken by one that is closed'
      if (verdict === 'sent' || verdict === 'dropped' || verdict === 'expired') {
        return !settled && `${verdict}, uncounted`
      }
      // a DISCONNECT, and all when the process exits, is queued and may leave at once
      const mayLeave = message.envelope.kind === 'disconnect' || clients.scheduler.ended
      if (verdict === 'queued') return settled && !mayLeave && 'gone'
      return !placed && 'not in its place'
    },
    client: sums,
    left: sums,
    outcome(_subject, { envelope: { rule } }, outcome, { ledgers }) {
      const { messages, bytes } = ledgers.get(rule)![outcome]
      return (
        (rule.tally[outcome] !== messages || rule.tally[`${outcome}Bytes`] !== bytes) && outcome
      )
    },
    ended({ ledgers }) {
      for (const [{ tally, event }, ledger] of ledgers) {
        for (const outcome of [...OUTCOMES, 'observed'] as const) {
          if (tally[outcome] !== ledger[outcome].messages) return `${event}: ${outcome}`
          if (tally[`${outcome}Bytes`] !== ledger[outcome].bytes) return `${event}: its bytes`
        }
      }
      return
    },
  },
  {
    words:
      'The lanes hold what the model says, in its order, and know how many and how long they are.',
    client({ channel, critical, cosmetic }) {
      return differs(channel.critical, critical) || differs(channel.cosmetic, cosmetic)
    },
  },
  {
    words:
      'In flight is what was sent and is not proven to have arrived; outstanding is what the other side of the transport has not taken.',
    client({ channel, conn, sentBytes, receivedBytes, provenBytes }) {
      const { inFlight } = channel.window
      if (inFlight < sentBytes - receivedBytes) return 'more than has arrived is taken for proven'
      if (inFlight !== sentBytes - provenBytes) return `${inFlight}, not ${sentBytes - provenBytes}`
      const { outstanding, pending } = channel.link
      const { messages, pings } = conn.transport.untaken
      const untaken = messages + pending + conn.bytesHeldBack(pending > 0)
      if (conn.cut) return
      return (
        (outstanding < untaken || outstanding > untaken + pings) &&
        `outstanding ${outstanding}, not ${untaken}`
      )
    },
  },
  {
    words: 'Buffered is what is queued and what is outstanding or in flight, whichever is more.',
    client({ channel, critical, cosmetic, sentBytes, provenBytes }) {
      const { window, link, buffered } = channel
      const queued = bytesOf(critical) + bytesOf(cosmetic)
      const unproven = window.blind ? 0 : sentBytes - provenBytes
      return buffered !== queued + Math.max(unproven, link.outstanding) && `${buffered}`
    },
  },
  {
    words:
      'A client becomes congested by a message that takes it above high, and by nothing else; at the latest by one that takes it above what any path is given.',
    congested({ offering }, { clients }) {
      return !(offering && isAbove(offering, clients.limits.high)) && 'not above high'
    },
    offered({ channel, congestions }, offering, verdict, { clients }) {
      const { message, congested, replaced } = offering
      if (verdict === 'refused' || verdict === 'expired') return
      if (!isAbove(offering, mostHigh(clients.limits))) return
      if (message.envelope.kind === 'disconnect') return
      const since = congested || congestions > 0
      // when the process exits it is sent on at once, and has recovered
      const is = channel.congested || clients.scheduler.ended
      return !(is && since) && `${replaced ? 'replaced, ' : ''}not congested`
    },
  },
  {
    words:
      'It recovers below low, or what its path carries soon, or when nothing waits and the window has room, not before, and not unless it has answered since or has answered for all; then it is told what was shed since.',
    recovered(subject, summary, now, { clients }) {
      const { channel, critical, cosmetic, shed, congestedAt } = subject
      const { limits } = clients
      const low = limits.horizon === 0 ? limits.low : mostHigh(limits)
      for (const name of ['dropped', 'conflated', 'expired', 'bytes'] as const) {
        if (summary[name] !== shed[name]) return `${summary[name]} ${name}, not ${shed[name]}`
      }
      const waits = critical.length + cosmetic.length > 0
      const isClear = !waits && channel.window.hasRoom(1, now, channel.ceiling, false)
      if (!isClear && channel.buffered >= low) return `with ${channel.buffered} bytes`
      if (congestedAt === undefined || mayBeSpared(subject)) return
      const { answeredAt, clearAt } = subject
      if (Math.max(answeredAt, clearAt) >= congestedAt) return
      return `it has answered nothing since ${congestedAt}`
    },
    offered({ channel, answeredAt, congestedAt }, offering, _verdict, { clients }) {
      const { message, buffered, congested, closed } = offering
      const { low, high } = clients.limits
      if (message.isCritical || closed || !congested || isAbove(offering, high)) return
      if (congestedAt !== undefined && answeredAt <= congestedAt) return
      return channel.congested && buffered < low && `not with ${buffered} bytes`
    },
    client({ channel, shed }) {
      const { dropped, conflated, expired } = shed
      return dropped + conflated + expired > 0 && !channel.active && 'nobody will be told'
    },
  },
  {
    words:
      'What was shed is told once: when the client has caught up, and before that from time to time, if it takes something and nothing critical waits.',
    told({ shed, toldAt, critical, closing, answeredAt, channel }, sum, how, now) {
      for (const name of ['dropped', 'conflated', 'expired', 'bytes'] as const) {
        if (sum[name] !== shed[name]) return `${sum[name]} ${name}, not ${shed[name]}`
      }
      if (how === 'ended') return
      if (critical.length > 0) return 'something critical waits'
      if (closing) return 'being closed'
      if (now - toldAt < SHED_INTERVAL) return `after ${now - toldAt} ms`
      return !channel.window.blind && answeredAt < toldAt && 'it has taken nothing'
    },
  },
  {
    words: 'As many clients are congested as are counted.',
    world({ clients, subjects }) {
      const congested = subjects.filter(({ channel }) => channel.congested).length
      return clients.congestedNow !== congested && `${clients.congestedNow}, not ${congested}`
    },
  },
  {
    words:
      'While a client is congested its cosmetic backlog does not grow; it never is above what any path is given, but for one message that came when no more than low was buffered.',
    offered({ channel, congestions }, offering, _verdict, { clients }) {
      const { message, cosmeticBytes, buffered } = offering
      const { mode, low } = clients.limits
      if (message.isCritical || !channel.congested || mode === 'observe') return
      if (congestions > offering.congestions && buffered <= low) return
      return channel.cosmetic.bytes > cosmeticBytes && `from ${cosmeticBytes}`
    },
    client({ channel, highest }, { clients }) {
      const most = Math.max(highest, mostHigh(clients.limits))
      return channel.cosmetic.bytes > most && `${channel.cosmetic.bytes} bytes`
    },
  },
  {
    words:
      'No client has more buffered than the emergency cap and what one turn brings to a client that had caught up, unless it has taken something since.',
    offered(subject, { message, buffered, at }, verdict, { clients }) {
      const { channel, caughtUp } = subject
      const { mode, emergency, low } = clients.limits
      const high = mostHigh(clients.limits)
      if (verdict === 'refused' || mode === 'observe' || buffered <= low) return
      const patience = emergencyPatience(clients.limits)
      const late = clients.loopDelay.at(at)
      if (message.isCritical && mayHaveTaken(subject, at, late, patience)) return
      const most = message.isCritical ? emergency + caughtUp.bytes + high : Math.max(buffered, high)
      // a kernel may refuse the marker before it and the one behind it
      return channel.buffered > most + 2 * MARKER && `${channel.buffered} bytes`
    },
  },
  {
    words: 'A DISCONNECT is sent behind all that was offered before it in its namespace.',
    outcome({ critical, cosmetic }, { envelope, id }, outcome) {
      if (envelope.kind !== 'disconnect' || outcome !== 'sent') return
      const ahead = (other: Message) =>
        other.envelope.namespace === envelope.namespace && other.id < id
      return (critical.some(ahead) || cosmetic.some(ahead)) && 'ahead of others'
    },
  },
  {
    words: 'In mode observe all is sent at once, in the order of offers, and nothing waits.',
    offered(_subject, { closed }, verdict, { clients }) {
      return clients.limits.mode === 'observe' && !closed && verdict !== 'sent' && verdict
    },
    client({ channel, conn, closing, endedBy }, { clients }) {
      if (clients.limits.mode !== 'observe' || closing || endedBy || conn.cut) return
      return channel.queued > 0 && `${channel.queued} bytes`
    },
  },
  {
    words:
      'What is kept for the end of the tick, or for its slice, is due to be written; when the loop has nothing left to do, nobody is due any more.',
    client({ channel, conn, endedBy }, { loop }) {
      const { link, due } = channel
      if (due !== 'no' && loop.idle) return `due ${due}`
      return link.pending > 0 && due === 'no' && !conn.cut && !endedBy && `${link.pending} bytes`
    },
  },
  {
    words:
      'What may be sent does not wait: when the loop has nothing left to do, the transport is sending, an answer is awaited or the window is full.',
    client({ channel, closing, conn }, { loop, unnoticed }) {
      const { critical, cosmetic, link, window, closedBy } = channel
      const next = critical.peek() ?? cosmetic.peek()
      if (!next || closedBy !== undefined || conn.cut || !loop.idle) return
      // a transport tells when it has sent all that it was given
      if (link.outstanding > 0 || !conn.transport.writable) return
      // whose answer leads to a look at what waits
      if (window.waitsSince !== undefined) return
      // new limits are noticed by the sweep
      if (unnoticed > 0) return
      if (next.rule.class === 'critical') return 'a critical one'
      if (closing) return
      // timers are late by up to a millisecond
      return window.hasRoom(next.bytes, loop.now() - 1, channel.ceiling) && 'a cosmetic one'
    },
  },
  {
    words: 'A client that has anything buffered, or is congested, or is being closed, is watched.',
    client({ channel, closing, discarded }, { clients }) {
      const { buffered, congested, closedBy } = channel
      if (closedBy !== undefined || discarded) return
      // the last marker to one that answers none may wait for its kernel
      const least = channel.window.blind ? MARKER : 0
      const matters = buffered > least || congested || closing
      return matters && !clients.watched.has(channel) && `${buffered} bytes`
    },
    caughtUp({ clients }) {
      return clients.watched.size > 0 && `${clients.watched.size}`
    },
  },
  {
    words:
      'A client is ended as stalled or over limit only if it has answered nothing for stallAfter and there is something to answer; over limit when its grace is over; in an emergency when it has more than the cap, but for what comes in the turn in which it had caught up, or when it has answered nothing for a while.',
    ending({ channel, answeredAt, offering, closing, caughtUp }, code, world) {
      const { mode, stallAfter, grace, limit, emergency } = world.clients.limits
      if (channel.closedBy !== undefined || code === 'terminated') return
      if (code === 'emergency') {
        if (mode !== 'enforce') return code
        const more = offering?.message.isCritical ? offering.message.envelope.bytes : 0
        if (channel.buffered + more <= emergency) return `${channel.buffered} and ${more} bytes`
        if (offering) return world.clients.scheduler.turn() === caughtUp.turn && 'it had caught up'
        const lately = world.loop.now() - answeredAt < 0.08 * stallAfter
        return lately && `answered ${world.loop.now() - answeredAt} ms ago`
      }
      const now = world.loop.now()
      if (mode === 'observe' && !closing) return 'in mode observe'
      if (now - answeredAt < stallAfter) return `${code}: answered ${now - answeredAt} ms ago`
      if (channel.buffered === 0) return `${code}: nothing is buffered`
      if (code === 'stalled') return
      if (channel.buffered <= limit) return `${code}: ${channel.buffered} bytes`
      return now - channel.connectedAt < grace && `${code}: in its grace`
    },
    offered({ channel }, offering, verdict, world) {
      const { mode } = world.clients.limits
      if (offering.closed || mode === 'observe' || !offering.message.isCritical) return
      // of one that is ended, whatever else had it ended
      if (verdict === 'refused') return channel.closedBy === undefined && verdict
      return channel.closedBy === 'emergency' && verdict
    },
  },
  {
    words: 'A client that is closed holds nothing, is sent nothing, is not watched and not served.',
    outcome({ endedBy, conn }, _message, outcome) {
      return (
        outcome === 'sent' && (endedBy !== undefined || conn.readyState === 'closed') && outcome
      )
    },
    closed({ channel, critical, cosmetic }, { clients, loop, subjects }) {
      if (critical.length + cosmetic.length > 0) return 'uncounted'
      if (channel.queued > 0) return `${channel.queued} bytes queued`
      if (clients.watched.has(channel)) return 'watched'
      if (channel.due !== 'no') return `due ${channel.due}`
      if (channel.congested) return 'congested'
      // another one goes by the farewell of this one
      const connected = subjects.filter(({ conn }) => conn.readyState !== 'closed')
      if (clients.size !== connected.length) return `one of ${clients.size}`
      // the sweep has one
      return loop.timers.length > subjects.length + 1 && 'timer'
    },
  },
  {
    words:
      'A client that the application closes in good order has received all that is critical, and all that it was sent.',
    closed({ conn, lost, received, sent, discarded, endedBy, closing }) {
      if (!conn.orderly || conn.cut || discarded || endedBy || !closing) return
      if (received !== sent.length) return `${received} of ${sent.length}`
      return lost > 0 && `${lost} critical ones were left`
    },
  },
  {
    words: 'No more markers wait to be answered than ws allows: 60.',
    client({ pings }) {
      return pings.length >= 60 && `${pings.length}`
    },
  },
  {
    words:
      'When everyone has caught up nothing waits and nothing is buffered; no timer runs when those of messages that left earlier have run out.',
    caughtUp({ subjects, loop }) {
      for (const { channel, received, sent, closing } of subjects) {
        if (channel.buffered > 0) return `${channel.buffered} bytes`
        if (received !== sent.length) return `${received} of ${sent.length} arrived`
        if (channel.congested) return 'congested'
        if (channel.active && !channel.link.immediate) return 'active'
        if (closing) return 'still open'
      }
      return loop.timers.length > 1 && `${loop.timers.length} timers`
    },
  },
  {
    words:
      'In mode enforce nobody who takes nothing is kept for ever; but one that has proven to have all that it was sent, and whose kernel refuses a marker nevertheless, is left to Engine.IO.',
    stalled({ subjects, clients }) {
      if (clients.limits.mode === 'observe') return
      for (const { channel, conn } of subjects) {
        // one that proves nothing, below the limit, is left to Engine.IO's heartbeat
        const spared = channel.link.proof === 'none' && channel.buffered <= clients.limits.limit
        const { messages, pings } = conn.transport.untaken
        // a real kernel takes a marker when everything before it was received
        const refused = channel.window.inFlight === 0 && messages === 0 && pings > 0
        if (channel.buffered > 0 && !spared && !refused) return `${channel.buffered} bytes`
      }
      return
    },
  },
  {
    words: 'When the library has let go, nothing waits, no timer runs and nobody listens.',
    ended({ loop, subjects }) {
      for (const { conn, critical, cosmetic } of subjects) {
        if (critical.length + cosmetic.length > 0) return 'something waits'
        for (const name of ['drain', 'heartbeat', 'upgrade']) {
          // Engine.IO itself waits for it before it closes
          const own = name === 'drain' && conn.readyState === 'closing' ? 1 : 0
          if (conn.listenerCount(name) > own) return name
        }
      }
      return loop.timers.length > 0 && `${loop.timers.length} timers`
    },
  },
]

const OUTCOMES = Object.keys(MESSAGE_OUTCOMES) as MessageOutcome[]
/** Bytes of a marker on the wire. */
const MARKER = 14

/** What became of a client's messages, and what waits, is all that it was offered. */
function sums({ channel, ledger, critical, cosmetic, offered }: Subject): Wrong {
  const { tally } = channel
  let total = critical.length + cosmetic.length
  for (const outcome of OUTCOMES) {
    const { messages, bytes } = ledger[outcome]
    if (tally[outcome] !== messages) return `${tally[outcome]} ${outcome}, not ${messages}`
    if (tally[`${outcome}Bytes`] !== bytes) return `bytes of ${outcome}`
    total += messages
  }
  if (tally.observed !== ledger.observed.messages) return 'observed'
  return total !== offered && `${total} of ${offered}`
}

type Check = (...args: never[]) => Wrong
const CHECKS = new Map<string, Array<{ words: string; run: Check }>>()
for (const invariant of INVARIANTS) {
  const { words, ...phases } = invariant
  for (const [phase, run] of Object.entries(phases)) {
    const checks = CHECKS.get(phase) ?? []
    checks.push({ words, run: run as Check })
    CHECKS.set(phase, checks)
  }
}

/** How many invariants there are. */
export const INVARIANT_COUNT = INVARIANTS.length

/** @throws Error with the words of the first invariant that does not hold */
export function check<P extends Phase>(
  phase: P,
  ...args: Parameters<NonNullable<Invariant[P]>>
): void {
  for (const { words, run } of CHECKS.get(phase)!) {
    const wrong = run(...(args as unknown as never[]))
    if (wrong) throw new Error(`${words}\n  But: ${wrong}${about(args)}`)
  }
}

/** Which client, and which message. */
function about(args: readonly unknown[]): string {
  const words = args.map((each) => {
    const { channel, envelope, id, message } = each as Partial<Subject & Message & Offering>
    const one = envelope ? { id, envelope } : message
    if (one) return `, message ${one.id} (${one.envelope?.rule.event})`
    return channel ? `, client ${channel.id.split('-')[1]}` : ''
  })
  return words.join('')
}
