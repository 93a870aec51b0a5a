import type { Clock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'
import { type Due, ReadyQueue } from './ready-queue.ts'

/** A client with messages to write, or the broadcasts of a class. */
export interface TurnMember {
  /** The queue in which the member waits; kept by the scheduler. */
  due: Due
  /** Writes the messages of the member, or a part of them, and asks for the next turn. */
  serve(now: Millis): void
}

/** Something that lasts until the tick ends. */
export interface TickMember {
  tickEnded(): void
}

/**
 * What a turn of the event loop is, as far as clients are concerned.
 * - `none`: nothing has happened in it.
 * - `emits`: messages were emitted, or answers came.
 * - `rest`: emits have spent the budget of the turn before; nobody is served.
 * - `slice`: the turn began with serving those who wait.
 */
type Turn = 'none' | 'emits' | 'rest' | 'slice'

/**
 * Shares the event loop between broadcasts and everything else. What one tick hands to its
 * clients is written when the tick ends, one system call a client, as far as the budget of this
 * turn of the loop goes. Clients that are left are served in slices, one a turn of the loop, each as
 * long as the budget or as half of the rest of the turn was, so that accepts, incoming messages,
 * timers and heartbeats get their turn in between, and writes at least a third of the loop.
 * Clients that wait for something critical come first; apart from that, each in the order in which
 * it began to wait.
 */
export class TurnScheduler {
  /** Number of slices so far: turns that began with members left over. */
  slices = 0
  /** Milliseconds spent so far, in each turn from the first emit or answer to the last write. */
  busy: Millis = 0
  readonly #clock: Clock
  readonly #budget: Millis
  readonly #onTickEnd: () => void
  readonly #first = new ReadyQueue<TurnMember>('first')
  readonly #later = new ReadyQueue<TurnMember>('later')
  /** Whether the end of this tick is awaited. */
  #scheduled = false
  #ticks = 1
  #ended = false
  #ending: TickMember[] = []
  /** Takes the place of `#ending` while its members are told. */
  #spare: TickMember[] = []
  #turns = 1
  #turn: Turn = 'none'
  /** Whether somebody was served in this turn. */
  #served = false
  #startedAt: Millis = 0
  /** When a member was last served in this turn. */
  #slicedAt: Millis = 0
  /** When the latest tick with messages ended in this turn. */
  #usedUntil: Millis = 0

  /**
   * @param budget of one turn of the loop, from its first emit or answer on
   * @param onTickEnd called before the first client of a tick is served
   */
  constructor(clock: Clock, budget: Millis, onTickEnd: () => void) {
    this.#clock = clock
    this.#budget = budget
    this.#onTickEnd = onTickEnd
  }

  /** From now on, until `close`, the end of the process writes what waits. */
  start(): void {
    if (started.size === 0) process.once('exit', endAll)
    started.add(this)
  }

  add(member: TurnMember, critical: boolean): void {
    if (this.#ended) {
      member.serve(this.#clock.now())
      return
    }
    if (member.due === 'first' || (member.due === 'later' && !critical)) return
    if (critical) this.#first.push(member)
    else this.#later.push(member)
    if (this.#turn === 'none') this.#beginTurn('emits')
    this.#awaitTickEnd()
  }

  /** Whether the process exits, so that nothing may wait any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** Whether this turn's budget is spent, so that writes have to wait. */
  spent(now: Millis): boolean {
    if (this.#ended) return false
    if (this.#turn === 'none') this.#beginTurn('emits')
    return this.#turn === 'rest' || now - this.#startedAt > this.#budget
  }

  /** The same number until this tick ends. */
  tick(): number {
    this.#awaitTickEnd()
    return this.#ticks
  }

  /** The same number until this turn of the loop ends. */
  turn(): number {
    if (this.#turn === 'none' && !this.#ended) this.#beginTurn('emits')
    return this.#turns
  }

  close(): void {
    this.#serveAll()
    started.delete(this)
    if (started.size === 0) process.off('exit', endAll)
  }

  /** Calls `tickEnded`, at once if no tick is under way. */
  whenTickEnds(member: TickMember): void {
    if (this.#scheduled && !this.#ended) this.#ending.push(member)
    else member.tickEnded()
  }

  /** Calls `tickEnded` when a tick has ended that has not begun to end yet. */
  afterTick(member: TickMember): void {
    if (this.#ended) {
      member.tickEnded()
      return
    }
    this.#awaitTickEnd()
    this.#ending.push(member)
  }

  /** Serves every member, and from now on each at once: no tick will end any more. */
  end(): void {
    this.#ended = true
    this.#serveAll()
    this.#endMembers()
  }

  #awaitTickEnd(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    timers.nextTick(this.#endTick)
  }

  #beginTurn(turn: 'emits' | 'slice'): void {
    this.#turn = turn
    this.#turns++
    this.#served = false
    this.#startedAt = this.#clock.now()
    this.#slicedAt = this.#startedAt
    this.#usedUntil = this.#startedAt
    timers.setImmediate(this.#endTurn)
  }

  readonly #endTick = (): void => {
    this.#scheduled = false
    this.#ticks++
    this.#onTickEnd()
    this.#endMembers()
    if (!this.#empty) this.#slice(this.#budget)
    else if (this.#turn !== 'none') this.#usedUntil = this.#clock.now()
  }

  #endMembers(): void {
    const members = this.#ending
    this.#ending = this.#spare
    this.#spare = members
    try {
      for (let member = members.pop(); member; member = members.pop()) member.tickEnded()
    } finally {
      // a listener of the application has thrown; the other members are told in the next tick
      if (members.length > 0) {
        this.#ending.push(...members.splice(0))
        this.#awaitTickEnd()
      }
    }
  }

  readonly #endTurn = (): void => {
    const used = this.#turn === 'rest' ? 0 : this.#usedUntil - this.#startedAt
    this.busy += used
    if (!this.#empty && this.#turn === 'emits' && used > this.#budget) {
      this.#turn = 'rest'
      timers.setImmediate(this.#endTurn)
      return
    }
    const rest = this.#clock.now() - this.#slicedAt
    this.#turn = 'none'
    if (this.#empty) return
    this.slices++
    this.#beginTurn('slice')
    // a turn with thousands of answers would leave little for writes
    this.#slice(Math.max(this.#budget, rest / 2))
  }

  /** Serves at least one member a turn, however much of the budget is spent. */
  #slice(length: Millis): void {
    const until = this.#startedAt + length
    let now = this.#clock.now()
    while ((now <= until || !this.#served) && this.#serveNext(now)) {
      this.#served = true
      now = this.#clock.now()
    }
    this.#slicedAt = now
    this.#usedUntil = now
  }

  get #empty(): boolean {
    return this.#first.empty && this.#later.empty
  }

  #serveAll(): void {
    while (this.#serveNext(this.#clock.now())) {}
  }

  #serveNext(now: Millis): boolean {
    const member = this.#first.take() ?? this.#later.take()
    if (!member) return false
    member.due = 'no'
    member.serve(now)
    return true
  }
}

/**
 * Schedulers that write at the end of the process what was emitted right before `process.exit()`, and
 * by other listeners of `exit`, as happens without the plugin.
 */
const started = new Set<TurnScheduler>()

function endAll(): void {
  for (const scheduler of started) scheduler.end()
}
