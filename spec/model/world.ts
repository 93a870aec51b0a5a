import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { MessageOutcome } from '../../lib/base/outcomes.ts'
import type { Channel } from '../../lib/channel/channel.ts'
import type { Verdict } from '../../lib/channel/message-scheduler.ts'
import { Budget } from '../../lib/clients/budget.ts'
import { Clients } from '../../lib/clients/clients.ts'
import { Broadcasts, type Recipient } from '../../lib/loop/broadcasts.ts'
import type { Envelope } from '../../lib/message/envelope.ts'
import { frameBytes } from '../../lib/message/frame.ts'
import type { Rule } from '../../lib/message/rule.ts'
import type { MessageDiagnosis } from '../../lib/telemetry/diagnostics.ts'
import { Reporter } from '../../lib/telemetry/reporter.ts'
import type { ShedSummary, Untold } from '../../lib/telemetry/shed-episode.ts'
import { type Arrival, ModelConnection, makeServer, type Surroundings } from './connection.ts'
import { check } from './invariants.ts'
import { ModelLoop } from './loop.ts'
import { Messages } from './messages.ts'
import {
  type Emit,
  KINDS,
  type Operation,
  POLICIES,
  type Run,
  SHED_INTERVAL,
} from './operations.ts'
import { mostHigh, rankOf } from './questions.ts'
import {
  type Ledger,
  type Message,
  makeLedger,
  makeSubject,
  NOTHING_SHED,
  type Offering,
  OUTCOMES,
  type Subject,
} from './subject.ts'

/** Between an answered heartbeat and the next one. */
const HEARTBEAT = 2000
/** In so many milliseconds the sweep has come to everyone, twice. */
const SWEEPS = 2200
/** So many recipients of a broadcast are sent it in slices. */
const LARGE = 2

/** A broadcast while its adapter writes it to one recipient after the other. */
interface Written {
  readonly envelope: Envelope
  /** Number of recipients that were offered it at once. */
  offered: number
  readonly rest: Subject[]
  isAtOnce: boolean
}

function recipientsOf(subjects: readonly Subject[]): Recipient[] {
  return subjects.map(({ recipient }) => recipient)
}

/** The real clients over connections that do what an operation says, beside a naive model. */
export class World {
  readonly loop = new ModelLoop()
  readonly clients: Clients
  readonly broadcasts: Broadcasts
  readonly messages = new Messages(this.loop)
  readonly ledgers = new Map<Rule, Ledger>()
  /** Those whose connection is open. */
  readonly subjects: Subject[] = []
  /** Offers and arrivals, over all clients. */
  offers = 0
  arrivals = 0
  opened = 0
  /** Broadcasts, and what became of them for one client. */
  broadcast = 0
  readonly walked = { visited: 0, caughtUp: 0, missed: 0 }
  /** How often it was told of what was shed before a client had caught up. */
  toldMeanwhile = 0
  /** Offers to a client that was closed, or was being closed. */
  refused = 0
  /** Those whose connection is gone, until the tick ends in which Socket.IO notices. */
  readonly #leaving = new Set<Subject>()
  /** Time until everyone has been looked after since limits were changed. */
  unnoticed = 0
  /** Going to `observe`, or closing: everything is handed over at once. */
  releasing = false
  readonly #surroundings: Surroundings
  readonly #byId = new Map<string, Subject>()
  /** Broadcasts that lead to something when they are first sent. */
  /** The broadcast that an adapter is writing to its recipients. */
  #written: Written | undefined
  readonly #reactions = new Map<Message, Extract<Operation, { op: 'broadcast' }>>()
  /** Whose turn of the walk it is. */
  #visited: Subject | undefined
  #failure: unknown
  #over = false
  /** What is sent does not come here any more. */
  #untapped = false
  readonly #subscriptions: Array<() => void> = []

  constructor({ budget, cost }: Pick<Run, 'budget' | 'cost'>) {
    const { loop } = this
    loop.install()
    for (const rule of this.messages.rules) this.ledgers.set(rule, makeLedger())
    this.#surroundings = { loop, cost, server: makeServer(HEARTBEAT), sizeOf: frameBytes }
    this.clients = new Clients({
      limits: POLICIES[0]!,
      budget: new Budget(Number.POSITIVE_INFINITY),
      closedHistory: 1,
      tickBudget: budget,
      shedInterval: SHED_INTERVAL,
      clock: loop,
      reporter: new Reporter(undefined, loop),
      host: {
        broadcasts: {
          waiting: () => this.broadcasts.waiting,
          catchUp: ({ id }) => this.broadcasts.catchUp(this.#byId.get(id)!.recipient),
          abandon: ({ id }) => this.broadcasts.abandon(this.#byId.get(id)!.recipient),
          finish: () => this.broadcasts.finish(),
        },
        overBudget: () => {},
        gone: () => {},
        closed: () => {},
        recovered: (channel, _client, episode, now) =>
          this.#caught(() => {
            this.#told(channel, 'ended', [...episode.byNamespace(now)], now)
            this.#recovered(channel, episode.summary(now), now)
          }),
        shedding: (channel, _client, { namespaces }, now) =>
          this.#caught(() => this.#told(channel, 'ongoing', namespaces, now)),
      },
    })
    const { scheduler, heldBytes } = this.clients
    this.broadcasts = new Broadcasts(loop, scheduler, heldBytes, LARGE)
    this.#overhearClose()
    for (const outcome of OUTCOMES) {
      if (outcome === 'sent') continue
      this.#listen(`spillway:message:${outcome}`, (diagnosis: MessageDiagnosis) =>
        this.#settle(diagnosis, outcome),
      )
    }
    this.#listen('spillway:client:congested', ({ client }: { client: string }) => {
      const subject = this.#byId.get(client)!
      subject.congestions++
      subject.congestedAt = this.loop.enteredAt
      check('congested', subject, this)
    })
    this.clients.start()
  }

  /** @returns whether there was anything to do */
  apply(operation: Operation): boolean {
    this.loop.enteredAt = this.loop.now()
    const done = this.#apply(operation)
    this.#rethrow()
    if (done) this.#check()
    return done
  }

  /** Everyone reads and answers all, until nothing is left to do. */
  catchUp(): void {
    for (let round = 0; round < 60; round++) {
      for (const subject of [...this.subjects]) {
        if (subject.conn.upgrading) this.#upgrade(subject, 'websocket')
        this.#deliver(subject, Number.POSITIVE_INFINITY)
        this.#answer(subject, 'latest')
      }
      this.#pass(250)
      this.#rethrow()
      this.#check()
    }
    this.loop.runOut()
    this.#rethrow()
    check('caughtUp', this)
  }

  /** Everyone reads all and answers heartbeats, but no markers. */
  goBlind(): void {
    for (let round = 0; round < 30; round++) {
      for (const subject of [...this.subjects]) {
        this.#deliver(subject, Number.POSITIVE_INFINITY)
        this.#beat(subject)
      }
      this.#pass(250)
      this.#rethrow()
      this.#check()
    }
  }

  /** Nobody reads or answers anything, for much longer than is allowed. */
  stall(): void {
    for (const { conn } of this.subjects) conn.upgrading = false
    for (let round = 0; round < 60; round++) {
      this.#pass(500)
      this.#rethrow()
      this.#check()
    }
    check('stalled', this)
  }

  /** Listeners of `exit` emit, and nothing else follows. */
  exit(lastWords: readonly Operation[]): void {
    this.clients.scheduler.end()
    this.#rethrow()
    check('exited', this)
    for (const operation of lastWords) {
      this.apply(operation)
      check('exited', this)
    }
  }

  letGo(): void {
    this.releasing = true
    this.clients.finish()
    this.#untapped = true
    this.clients.close()
    for (const subject of this.#leaving) this.#left(subject)
    this.#rethrow()
    check('ended', this)
  }

  /** Gives the process its timers back. */
  close(): void {
    this.#over = true
    for (const each of this.#subscriptions) each()
    this.#caught(() => this.clients.scheduler.close())
    this.loop.uninstall()
  }

  #apply(operation: Operation): boolean {
    const { loop, clients } = this
    switch (operation.op) {
      case 'connect':
        return this.#connect(operation)
      case 'emit':
        return this.#emit(operation)
      case 'broadcast':
        return this.#broadcast(operation)
      case 'tick':
        loop.endTick()
        return true
      case 'turn':
        loop.turn()
        return true
      case 'spend':
        loop.spend(operation.millis)
        return true
      case 'pass':
        this.#pass(operation.millis)
        return true
      case 'policy': {
        const from = clients.limits.mode
        clients.configured = POLICIES[operation.policy]!
        this.unnoticed = SWEEPS
        // what it was sent by other limits does not count by these
        for (const { caughtUp, channel } of this.subjects) caughtUp.bytes += channel.buffered
        this.releasing = true
        if (clients.limits.mode === 'observe' && from !== 'observe') clients.release()
        this.releasing = false
        return true
      }
      default: {
        const subject = this.subjects[operation.client % this.subjects.length]
        return subject !== undefined && this.#applyTo(subject, operation)
      }
    }
  }

  #applyTo(subject: Subject, operation: Extract<Operation, { client: number }>): boolean {
    const { loop, clients } = this
    const { channel, conn } = subject
    switch (operation.op) {
      case 'deliver':
        this.#deliver(subject, operation.bytes)
        return true
      case 'answer':
        this.#answer(subject, operation.which)
        return true
      case 'resume':
        this.#deliver(subject, Number.POSITIVE_INFINITY)
        this.#answer(subject, 'latest')
        return true
      case 'join':
        this.#join(subject, operation.namespace)
        return true
      case 'leave':
        if (!subject.namespaces.delete(operation.namespace)) return false
        this.#send(subject, this.messages.packet('disconnect', operation.namespace))
        return true
      case 'hear':
        conn.transport.hear()
        return true
      case 'heartbeat':
        return this.#beat(subject)
      case 'upgrade':
        if (conn.transport.name !== 'polling' || conn.cut) return false
        if (conn.upgrading) this.#upgrade(subject, operation.by)
        else conn.upgrading = true
        return true
      case 'close':
        this.#close(subject)
        return true
      case 'discard':
        subject.discarded = true
        channel.discard(loop.now())
        return true
      case 'terminate':
        clients.terminate(channel.id)
        return true
      case 'gone':
        conn.cutOff()
        return true
    }
  }

  #connect({ by, kernel, farewell }: Extract<Operation, { op: 'connect' }>): boolean {
    if (this.subjects.length === 6) return false
    const { loop } = this
    const conn = new ModelConnection(this.#surroundings, by, kernel, (arrival) =>
      this.#arrive(subject, arrival),
    )
    const channel = this.clients.open(conn)
    const isDirect = !channel.link.immediate
    if (isDirect !== (by === 'frames')) throw new Error(`${by} is written to as if it were another`)
    this.opened++
    const subject: Subject = makeSubject(
      channel,
      this.#recipient(() => subject),
      conn,
      farewell,
      loop.now(),
    )
    this.#overhear(subject)
    const { terminate } = channel
    channel.terminate = (code) => {
      if (subject.offering) subject.demote?.()
      this.#caught(() => check('ending', subject, code, this))
      subject.endedBy ??= code
      terminate.call(channel, code)
    }
    conn.on('close', () => this.#closed(subject))
    this.subjects.push(subject)
    this.#byId.set(channel.id, subject)
    for (const namespace of ['/', '/game']) this.#join(subject, namespace)
    return true
  }

  #emit(emit: Emit): boolean {
    const members = this.#membersOf(emit)
    const shared = KINDS[emit.kind]!.ack === 'callback' ? undefined : this.messages.make(emit)
    for (const subject of members) {
      // Socket.IO shares what it encodes; with a callback each has its own
      this.#send(subject, shared ?? this.messages.make(emit, () => {}))
    }
    return members.length > 0
  }

  #broadcast(operation: Extract<Operation, { op: 'broadcast' }>): boolean {
    const members = this.#membersOf(operation)
    if (members.length === 0) return false
    const message = this.messages.make(operation)
    const { envelope } = message
    if (this.#untapped) return true
    if (operation.reaction !== 'nothing') this.#reactions.set(message, operation)
    this.broadcast++
    this.#interrupt()
    const written: Written = {
      envelope,
      offered: 0,
      rest: [],
      isAtOnce: this.broadcasts.mayOfferAtOnce(envelope),
    }
    this.#written = written
    for (const subject of members) this.#write(written, subject, message)
    if (this.#written !== written) return true
    this.#written = undefined
    const { offered, rest } = written
    if (offered + rest.length >= LARGE) for (const { due } of rest) due.push(message)
    this.broadcasts.offer(recipientsOf(rest), envelope, offered)
    return true
  }

  /** An adapter writes a broadcast to a recipient. */
  #write(written: Written, subject: Subject, message: Message): void {
    if (this.#written !== written) {
      this.#send(subject, message)
      return
    }
    this.#visited = subject
    written.isAtOnce &&= this.broadcasts.offerAtOnce(subject.recipient, written.envelope)
    this.#visited = undefined
    if (written.isAtOnce) written.offered++
    else written.rest.push(subject)
  }

  /** Something is emitted while a broadcast is being written: its rest follows at once. */
  #interrupt(): void {
    const written = this.#written
    if (!written) return
    this.#written = undefined
    this.broadcasts.offerNow(recipientsOf(written.rest), written.envelope)
  }

  #membersOf({ kind, room }: Emit): Subject[] {
    const { namespace } = KINDS[kind]!
    return this.subjects.filter(
      ({ namespaces }, index) =>
        room & (1 << index) && (namespace === '' || namespaces.has(namespace)),
    )
  }

  /** The channel of a subject, as broadcasts see it. */
  #recipient(subject: () => Subject): Recipient {
    return {
      cork: () => {
        this.#visited = subject()
        subject().channel.cork()
      },
      offer: (envelope) => this.#offerBroadcast(subject(), envelope),
      uncork: (now) => {
        this.#visited = undefined
        this.#enter(now, () => subject().channel.uncork(now))
      },
      missed: (envelope) => {
        this.#caught(() => this.#miss(subject(), envelope))
        subject().channel.missed(envelope)
      },
    }
  }

  /** A recipient of a broadcast has its turn, catches up, or is sent it where it is emitted. */
  #offerBroadcast(subject: Subject, envelope: Envelope): void {
    if (this.#over) return
    // a walk that is broken may have no end
    this.#rethrow()
    const message = this.messages.emittedAt(envelope.emittedAt)
    const isDue = subject.due.includes(message)
    const inTurn = this.#visited === subject
    if (!isDue && !inTurn) {
      this.#offer(subject, message, envelope.emittedAt)
      return
    }
    this.walked[inTurn ? 'visited' : 'caughtUp']++
    this.#caught(() => {
      this.#offer(subject, message, this.loop.now(), isDue)
      this.#react(subject, message)
    })
  }

  #react(subject: Subject, message: Message): void {
    const operation = this.#reactions.get(message)
    if (!operation) return
    this.#reactions.delete(message)
    const visited = this.#visited
    this.#visited = undefined
    this.#perform(subject, operation)
    this.#visited = visited
  }

  #perform(subject: Subject, operation: Extract<Operation, { op: 'broadcast' }>): void {
    const { reaction } = operation
    const all = { ...operation, reaction: 'nothing' } as const
    if (reaction === 'broadcast') this.#broadcast(all)
    else if (reaction === 'close') this.#close(subject)
    else this.#send(subject, this.messages.make({ ...all, kind: reaction === 'critical' ? 0 : 1 }))
  }

  #close(subject: Subject): void {
    subject.closeAsked ??= this.messages.latest
    subject.channel.close(this.loop.now())
    subject.closing = true
  }

  /** Follows what waits for its slice. */
  #send(subject: Subject, message: Message): void {
    if (this.#untapped) return
    const { envelope } = message
    this.#interrupt()
    if (this.broadcasts.waiting) this.broadcasts.catchUp(subject.recipient, envelope)
    this.#offer(subject, message, envelope.emittedAt)
  }

  #miss(subject: Subject, envelope: Envelope): void {
    const message = this.messages.emittedAt(envelope.emittedAt)
    check('missed', subject, message, this)
    subject.due.splice(subject.due.indexOf(message), 1)
    this.#append(subject, message)
    subject.offered++
    this.walked.missed++
  }

  #join(subject: Subject, namespace: string): void {
    subject.namespaces.add(namespace)
    const id = `${namespace} ${this.messages.latest}`
    subject.channel.join({ id, nsp: { name: namespace }, connected: true, rooms: new Set() })
    this.#send(subject, this.messages.packet('connect', namespace))
  }

  #offer(subject: Subject, message: Message, at: number, walked = false): void {
    const { channel, conn, cosmetic } = subject
    const { envelope } = message
    const { key, kind, namespace } = envelope
    const offering: Offering = {
      message,
      walked,
      at,
      buffered: channel.buffered,
      cosmeticBytes: channel.cosmetic.bytes,
      // in mode observe all is sent
      replaced:
        key === undefined || this.clients.limits.mode === 'observe'
          ? undefined
          : cosmetic.find((each) => each.envelope.key === key),
      congested: channel.congested,
      congestions: subject.congestions,
      closed:
        subject.closing ||
        channel.closedBy !== undefined ||
        channel.link.ending === 'shut' ||
        conn.readyState === 'closed',
      settled: false,
      placed: false,
      freed: 0,
    }
    this.offers++
    check('offering', subject, offering, this)
    if (walked) subject.due.splice(subject.due.indexOf(message), 1)
    // one that ends with it may be told farewell
    const outer = subject.offering
    subject.offering = offering
    const { mode } = this.clients.limits
    if (kind === 'disconnect' && mode === 'enforce' && !offering.closed) {
      this.#promote(subject, namespace)
    }
    this.#noteTurn(subject, offering)
    const verdict = this.#enter(at, () => channel.offer(envelope, at))
    this.#rethrow()
    if (!message.isCritical && offering.buffered <= this.clients.limits.low) {
      subject.highest = Math.max(subject.highest, channel.cosmetic.bytes)
    }
    subject.demote = undefined
    check('offered', subject, offering, verdict, this)
    this.#place(subject, offering, verdict)
    subject.offering = outer
  }

  /** What is called is told an instant of its own. */
  #enter<T>(at: number, callback: () => T): T {
    const { loop } = this
    const { enteredAt } = loop
    loop.enteredAt = at
    const result = callback()
    loop.enteredAt = enteredAt
    return result
  }

  #noteTurn(subject: Subject, { message, buffered, at }: Offering): void {
    const turn = this.clients.scheduler.turn()
    const { bytes } = message.envelope
    if (buffered <= this.clients.limits.low) {
      subject.caughtUp = { turn, at, bytes: buffered + bytes }
      subject.behindSince = undefined
    } else {
      if (subject.caughtUp.turn === turn) subject.caughtUp.bytes += bytes
      // one that is upgrading may not be judged
      if (subject.conn.upgrading) subject.caughtUp.bytes += buffered + bytes
      if (message.isCritical && this.clients.limits.mode === 'enforce') subject.behindSince ??= at
    }
  }

  #promote(subject: Subject, namespace: string): void {
    const { critical, cosmetic } = subject
    const before = [[...critical], [...cosmetic]] as const
    subject.demote = () => {
      subject.demote = undefined
      critical.splice(0, critical.length, ...before[0])
      cosmetic.splice(0, cosmetic.length, ...before[1])
    }
    for (let index = 0; index < cosmetic.length; ) {
      if (cosmetic[index]!.envelope.namespace !== namespace) index++
      else critical.push(...cosmetic.splice(index, 1))
    }
  }

  #place(subject: Subject, { message, settled, placed }: Offering, verdict: Verdict): void {
    subject.offered++
    if (verdict === 'refused') this.refused++
    if (settled || placed || verdict !== 'queued') return
    this.#append(subject, message)
  }

  /** Cosmetic ones behind all of their rank, and of higher ones. */
  #append({ critical, cosmetic }: Subject, message: Message): void {
    if (message.isCritical) critical.push(message)
    else {
      const behind = cosmetic.findIndex((each) => rankOf(each) < rankOf(message))
      cosmetic.splice(behind < 0 ? cosmetic.length : behind, 0, message)
    }
  }

  /** A message has got its outcome for one client. */
  #settle(diagnosis: Pick<MessageDiagnosis, 'client' | 'emittedAt'>, outcome: keyof Ledger): void {
    const subject = this.#byId.get(diagnosis.client)!
    const message = this.messages.emittedAt(diagnosis.emittedAt)
    const { bytes, rule } = message.envelope
    for (const counts of [subject.ledger, this.ledgers.get(rule)!]) {
      counts[outcome].messages++
      counts[outcome].bytes += bytes
    }
    if (outcome === 'observed') return
    check('outcome', subject, message, outcome, this)
    this.#take(subject, message, outcome)
    if (outcome === 'sent') {
      subject.sent.push(message)
      subject.sentBytes += bytes
    } else if (outcome === 'undelivered') {
      // what is broadcast to a client that is being closed may not reach it
      const { offering, closeAsked = message.id } = subject
      const isRefused = offering?.message === message && offering.closed
      if (message.isCritical && message.id <= closeAsked && !isRefused) subject.lost++
    } else {
      subject.shed[outcome]++
      subject.shed.bytes += bytes
    }
  }

  #take(subject: Subject, message: Message, outcome: MessageOutcome): void {
    const { critical, cosmetic, offering } = subject
    for (const queue of [critical, cosmetic]) {
      const index = queue.indexOf(message)
      if (index < 0) continue
      if (outcome === 'conflated' && offering) {
        offering.placed = true
        queue[index] = offering.message
      } else queue.splice(index, 1)
      if (outcome === 'dropped' && offering) offering.freed += message.envelope.bytes
      return
    }
    if (offering) offering.settled = true
  }

  #told(
    channel: Channel,
    how: 'ongoing' | 'ended',
    namespaces: Untold['namespaces'],
    now: number,
  ): void {
    const subject = this.#byId.get(channel.id)!
    const sum = { ...subject.told }
    for (const [, summary] of namespaces) {
      for (const name of ['dropped', 'conflated', 'expired', 'bytes'] as const) {
        sum[name] += summary[name]
      }
    }
    check('told', subject, sum, how, now, this)
    subject.told = sum
    subject.toldAt = now
    if (how === 'ongoing') this.toldMeanwhile++
  }

  #recovered(channel: Channel, summary: ShedSummary, now: number): void {
    const subject = this.#byId.get(channel.id)!
    check('recovered', subject, summary, now, this)
    subject.shed = { ...NOTHING_SHED }
    subject.told = NOTHING_SHED
    subject.congestedAt = undefined
  }

  #pass(millis: number): void {
    this.loop.pass(millis)
    this.unnoticed -= millis
  }

  #deliver({ conn }: Subject, bytes: number): void {
    this.loop.endTick()
    if (!conn.cut) conn.transport.deliver(bytes)
  }

  #upgrade(subject: Subject, by: 'frames' | 'websocket'): void {
    this.loop.task(() => subject.conn.upgrade(by, 600))
  }

  #answer(subject: Subject, which: Extract<Operation, { op: 'answer' }>['which']): void {
    this.loop.endTick()
    const { pings, conn } = subject
    const latest = pings.at(-1)
    if (which === 'again') {
      if (subject.lastAnswer) conn.transport.pong(subject.lastAnswer)
      return
    }
    if (!latest || which === 'none' || conn.cut) return
    if (which === 'wrong') {
      const never = Buffer.from(latest.ping)
      never[never.length - 1]! ^= 1
      conn.transport.pong(never)
      return
    }
    for (const { bytes, ping } of which === 'each' ? pings.splice(0) : [latest]) {
      subject.provenBytes = bytes
      subject.answeredAt = this.loop.now()
      subject.lastAnswer = ping
      pings.length = 0
      conn.transport.pong(ping)
    }
  }

  /** Its answer comes behind all that was written before it. */
  #beat(subject: Subject): boolean {
    const { loop } = this
    const { conn } = subject
    if (conn.cut || !conn.transport.read || loop.now() < subject.heartbeatAt + HEARTBEAT) {
      return false
    }
    subject.heartbeatAt = loop.now()
    loop.task(() => conn.emit('heartbeat'))
    return true
  }

  #arrive(subject: Subject, arrival: Arrival): void {
    if ('ping' in arrival) {
      const { ping } = arrival
      const { pings, receivedBytes: bytes } = subject
      pings.push({ bytes, ping })
      return
    }
    const { part, bytes } = arrival
    this.arrivals++
    const text = typeof part === 'string'
    const id = text ? Number.parseInt(part, 10) : (part[0]! << 16) | (part[1]! << 8) | part[2]!
    check('arrived', subject, id, text ? 0 : part[3]!, this)
    const { parts } = subject.sent[subject.received]!.envelope
    subject.partsLeft = (text ? parts.length : subject.partsLeft) - 1
    if (subject.partsLeft === 0) subject.received++
    subject.receivedBytes += bytes
    if (subject.conn.transport.name !== 'polling') return
    // the next poll answers for it
    subject.provenBytes = subject.receivedBytes
    subject.answeredAt = this.loop.now()
  }

  #closed(subject: Subject): void {
    const { conn } = subject
    if (conn.orderly && !conn.cut) conn.transport.deliver(Number.POSITIVE_INFINITY, false)
    subject.goneAt = this.messages.latest
    // the application is told by Socket.IO, which has it still in its rooms
    this.#caught(() => this.#sayFarewell(subject))
    this.subjects.splice(this.subjects.indexOf(subject), 1)
    this.#caught(() => check('closed', subject, this))
    this.#leaving.add(subject)
    this.loop.nextTick(() => this.#left(subject))
  }

  #sayFarewell({ farewell }: Subject): void {
    const emit = { kind: 0, size: 40, key: 0, room: 63 }
    if (farewell === 'emit') this.#emit({ op: 'emit', ...emit })
    else if (farewell === 'broadcast') {
      this.#broadcast({ op: 'broadcast', ...emit, reaction: 'nothing' })
    }
  }

  #left(subject: Subject): void {
    if (this.#leaving.delete(subject)) this.#caught(() => check('left', subject, this))
  }

  #check(): void {
    for (const subject of this.subjects) {
      check('client', subject, this)
      const most = mostHigh(this.clients.limits)
      subject.highest = subject.cosmetic.length > 0 ? Math.max(subject.highest, most) : most
    }
    check('world', this)
  }

  /** The scheduler has seen to it that a client that is to be closed has caught up. */
  #overhearClose(): void {
    const { clients } = this
    const { catchUp } = clients
    clients.catchUp = (channel) => {
      catchUp.call(clients, channel)
      const subject = this.#byId.get(channel.id)!
      if (subject.closeAsked !== undefined) subject.closing = true
    }
  }

  /** What is handed over, right before it is; its diagnosis is published when it has been. */
  #overhear(subject: Subject): void {
    const { link, window } = subject.channel
    const { written } = window
    window.written = (bytes, now) => {
      subject.ahead = {
        outstanding: link.outstanding,
        inFlight: window.inFlight,
        delayAtEntry: window.queueDelay(this.loop.enteredAt),
      }
      if (subject.sentBytes === subject.provenBytes) subject.clearAt = now
      written.call(window, bytes, now)
    }
    const { write } = link
    link.write = (envelope) => {
      const { emittedAt } = envelope
      this.#caught(() => this.#settle({ client: subject.channel.id, emittedAt }, 'sent'))
      write.call(link, envelope)
    }
  }

  #listen<T>(name: string, listener: (message: T) => void): void {
    const caught = (message: unknown): void => this.#caught(() => listener(message as T))
    subscribe(name, caught)
    this.#subscriptions.push(() => unsubscribe(name, caught))
  }

  /** Where the scheduler is in the middle of something, nothing may throw. */
  #caught(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#failure ??= error
    }
  }

  #rethrow(): void {
    if (this.#failure) throw this.#failure
  }
}
