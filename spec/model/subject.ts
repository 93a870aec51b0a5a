import {
  type EnforcedClosing,
  MESSAGE_OUTCOMES,
  type MessageOutcome,
} from '../../lib/base/outcomes.ts'
import type { Client } from '../../lib/clients/client.ts'
import type { Recipient } from '../../lib/loop/broadcasts.ts'
import type { Envelope } from '../../lib/message/envelope.ts'
import type { ModelConnection } from './connection.ts'
import type { Farewell } from './operations.ts'

/** Counts by outcome, as naive as can be. */
export type Ledger = Record<MessageOutcome | 'observed', { messages: number; bytes: number }>

export const OUTCOMES = [...Object.keys(MESSAGE_OUTCOMES), 'observed'] as Array<keyof Ledger>

export function makeLedger(): Ledger {
  return Object.fromEntries(
    OUTCOMES.map((outcome) => [outcome, { messages: 0, bytes: 0 }]),
  ) as Ledger
}

/** How much was shed. */
export type Shed = Record<'dropped' | 'conflated' | 'expired' | 'bytes', number>

export const NOTHING_SHED: Shed = { dropped: 0, conflated: 0, expired: 0, bytes: 0 }

/** One emit. */
export interface Message {
  readonly id: number
  readonly envelope: Envelope
  readonly isCritical: boolean
}

/** A message that is being offered, and how its client was right before. */
export interface Offering {
  readonly message: Message
  /** It was broadcast, and waited until now. */
  readonly walked: boolean
  /** When it is offered. */
  readonly at: number
  readonly buffered: number
  readonly cosmeticBytes: number
  /** The waiting message that has its key. */
  readonly replaced: Message | undefined
  readonly congested: boolean
  /** How often it has become so. */
  readonly congestions: number
  readonly closed: boolean
  /** It has its outcome. */
  settled: boolean
  /** It took the place of another. */
  placed: boolean
  /** What was dropped to make room for it. */
  freed: number
}

/** A client: the real channel, and what the model says of it. */
export interface Subject {
  readonly channel: Client
  readonly recipient: Recipient
  readonly conn: ModelConnection
  readonly namespaces: Set<string>
  /** What was broadcast to it and waits for its slice, in the order of the emits. */
  readonly due: Message[]
  /** What waits, in plain arrays, in the order in which it would leave. */
  readonly critical: Message[]
  readonly cosmetic: Message[]
  /** In the order in which they were sent. */
  readonly sent: Message[]
  readonly ledger: Ledger
  offered: number
  sentBytes: number
  /** What has arrived at the client: whole messages, and bytes. */
  received: number
  receivedBytes: number
  /** Bytes that had arrived before what the client has answered. */
  provenBytes: number
  /** The parts still to come of a message that is arriving. */
  partsLeft: number
  /** Of the markers that have arrived, those that were not answered. */
  readonly pings: Array<{
    readonly bytes: number
    readonly ping: Buffer
  }>
  lastAnswer: Buffer | undefined
  /** When the client last answered a marker that it had not answered before. */
  answeredAt: number
  /** The latest turn in which it was offered something when it had caught up, and all of that. */
  caughtUp: { turn: number; at: number; bytes: number }
  /** When it was first offered something critical since, if it was. */
  behindSince: number | undefined
  /** Undoes what a DISCONNECT has promoted that was not taken. */
  demote: (() => void) | undefined
  /** When it was last sent something while it had answered for all before. */
  clearAt: number
  /** Since it was last told that the client has caught up. */
  shed: Shed
  /** Of that, what was told before, and when. */
  told: Shed
  toldAt: number
  offering: Offering | undefined
  congestions: number
  /** When it became congested, if it is. */
  congestedAt: number | undefined
  /** When the application asked for it to be closed: the latest message that was emitted before. */
  closeAsked: number | undefined
  /** It has asked, and what was due then was offered. */
  closing: boolean
  /** Critical messages that were left undelivered. */
  lost: number
  discarded: boolean
  /** The latest message that was emitted before its connection went. */
  goneAt: number | undefined
  /** What the application does when it is told that the client goes, and Socket.IO still has it. */
  readonly farewell: Farewell
  endedBy: EnforcedClosing | undefined
  heartbeatAt: number
  /** The highest watermark, or message that was let in above it, since its cosmetic lane was empty. */
  highest: number
  /** How it was right before the message that is being handed over. */
  ahead: {
    readonly outstanding: number
    readonly inFlight: number
    readonly delayAtEntry: number
  }
}

export function makeSubject(
  channel: Client,
  recipient: Recipient,
  conn: ModelConnection,
  farewell: Farewell,
  now: number,
): Subject {
  return {
    channel,
    recipient,
    conn,
    namespaces: new Set(),
    due: [],
    critical: [],
    cosmetic: [],
    sent: [],
    ledger: makeLedger(),
    offered: 0,
    sentBytes: 0,
    received: 0,
    receivedBytes: 0,
    provenBytes: 0,
    partsLeft: 0,
    pings: [],
    lastAnswer: undefined,
    answeredAt: now,
    caughtUp: { turn: 0, at: now, bytes: 0 },
    behindSince: undefined,
    demote: undefined,
    clearAt: now,
    shed: { ...NOTHING_SHED },
    told: NOTHING_SHED,
    toldAt: now,
    offering: undefined,
    congestions: 0,
    congestedAt: undefined,
    closeAsked: undefined,
    closing: false,
    lost: 0,
    discarded: false,
    goneAt: undefined,
    farewell,
    endedBy: undefined,
    heartbeatAt: now,
    highest: 0,
    ahead: { outstanding: 0, inFlight: 0, delayAtEntry: 0 },
  }
}
