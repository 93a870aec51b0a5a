import { percentiles } from '../../demo/headless/figures.ts'
import type { Spillway } from '../../lib/index.ts'
import { round } from '../harness/statistics.ts'
import { ATTACK_NAMES, type AttackName, attackOf } from './attacks.ts'

/** What the server counts of its hostile clients. */

interface Conn {
  readonly request?: { readonly headers: { readonly 'user-agent'?: string } }
  on(event: 'close', listener: (reason: string) => void): void
}

interface Engine {
  on(event: 'connection', listener: (conn: Conn) => void): void
}

interface Closing {
  readonly name: AttackName
  readonly seconds: number
  /** Engine.IO's reason, or the code with which the plugin has closed it. */
  code: string
}

export interface AttackFigures {
  /** Connections so far. */
  readonly came: number
  /** By code of the plugin, else by Engine.IO's reason: how many, and seconds after connecting. */
  readonly closed: Readonly<Record<string, { count: number; p50: number; max: number }>>
  /** Connected at the end, and for how many seconds the one that has been for longest. */
  readonly open: number
  readonly oldest: number
}

export class Attackers {
  readonly #open = new Map<Conn, { readonly name: AttackName; readonly at: number }>()
  readonly #came = new Map<AttackName, number>()
  readonly #closings: Closing[] = []
  /** Of this moment: the plugin tells of its closing a little after Engine.IO. */
  readonly #unnamed = new Set<Closing>()

  constructor(engine: Engine, spillway: Spillway) {
    engine.on('connection', (conn) => this.#connected(conn))
    spillway.events.on('closed', ({ userAgent, code }) => {
      const name = attackOf(userAgent)
      const closing = [...this.#unnamed].find((each) => each.name === name)
      if (!closing) return
      closing.code = code
      this.#unnamed.delete(closing)
    })
  }

  figures(): Readonly<Record<AttackName, AttackFigures>> {
    return Object.fromEntries(ATTACK_NAMES.map((name) => [name, this.#of(name)])) as Record<
      AttackName,
      AttackFigures
    >
  }

  #connected(conn: Conn): void {
    const name = attackOf(conn.request?.headers['user-agent'])
    if (!name) return
    const at = performance.now()
    this.#open.set(conn, { name, at })
    this.#came.set(name, (this.#came.get(name) ?? 0) + 1)
    conn.on('close', (reason) => {
      this.#open.delete(conn)
      const closing = { name, seconds: secondsSince(at), code: reason }
      this.#closings.push(closing)
      this.#unnamed.add(closing)
      setImmediate(() => setImmediate(() => this.#unnamed.delete(closing)))
    })
  }

  #of(name: AttackName): AttackFigures {
    const codes = new Map<string, number[]>()
    for (const each of this.#closings) {
      if (each.name !== name) continue
      const seconds = codes.get(each.code)
      if (seconds) seconds.push(each.seconds)
      else codes.set(each.code, [each.seconds])
    }
    const ages = [...this.#open.values()]
      .filter((each) => each.name === name)
      .map(({ at }) => secondsSince(at))
    return {
      came: this.#came.get(name) ?? 0,
      closed: Object.fromEntries(
        [...codes].map(([code, seconds]) => {
          const { p50, max } = percentiles(seconds)
          return [code, { count: seconds.length, p50: round(p50!, 1), max: round(max!, 1) }]
        }),
      ),
      open: ages.length,
      oldest: round(Math.max(0, ...ages), 1),
    }
  }
}

const secondsSince = (at: number): number => (performance.now() - at) / 1000
