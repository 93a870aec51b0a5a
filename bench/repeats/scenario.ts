import { table } from '../../demo/headless/figures.ts'
import { Child } from '../../spec/support/process/child.ts'
import type { Report, Scenario } from '../harness/scenario.ts'
import { median, round } from '../harness/statistics.ts'
import type { ClientHandlers } from './client.ts'
import { KIND_NAMES, KINDS, type Kind, type KindName } from './kinds.ts'
import type { ServerHandlers } from './server.ts'
import { SUBJECTS, type Subject } from './subjects.ts'

interface Options {
  readonly rounds: number
  readonly repeats: number
  readonly kinds: readonly KindName[]
}

/** CPU time of a repetition in each round, in microseconds. */
type Micros = Readonly<Record<Subject, number[]>>

/** Runs before the one that is measured: until then the code of both is compiled, once. */
const WARM_UPS = 5
const RUN_MS = 60_000

/** What a client can repeat costs with the plugin, as a multiple of what it costs without. */
export const repeats: Scenario = {
  usage: `  --rounds <n>           each with and without the plugin, in changing order; default 5
  --repeats <n>          of each kind; of those with connections fewer; default 8000
  --kinds <a,b>          default ${KIND_NAMES.join(',')}`,

  prepare(args) {
    const options: Options = {
      rounds: args.number('rounds', { default: 5, min: 1, max: 100 }),
      repeats: args.number('repeats', { default: 8000, min: 160, max: 100_000 }),
      kinds: args.names('kinds', KIND_NAMES),
    }
    return (signal) => run(options, signal)
  },
}

async function run({ rounds, repeats, kinds }: Options, signal: AbortSignal): Promise<Report> {
  const client = new Child<ClientHandlers>(new URL('client.js', import.meta.url), { signal })
  const measured = new Map<KindName, Micros>()
  try {
    for (const kind of kinds) {
      const micros: Micros = { 'socket.io': [], spillway: [] }
      measured.set(kind, micros)
      for (let n = 0; n < rounds; n++) {
        for (let i = 0; i < SUBJECTS.length; i++) {
          const subject = SUBJECTS[(i + n) % SUBJECTS.length]!
          micros[subject].push(await measure(client, subject, kind, repeats, signal))
        }
      }
      console.error(`${kind}: ${ratioOf(micros).toFixed(2)}`)
    }
  } finally {
    await client.close()
  }
  return reportOf(measured, { rounds, repeats })
}

/** A server of its own for each run: what one has left is no part of the next. */
async function measure(
  client: Child<ClientHandlers>,
  subject: Subject,
  name: KindName,
  repeats: number,
  signal: AbortSignal,
): Promise<number> {
  const kind: Kind = KINDS[name]
  const count = Math.round(repeats * (kind.share ?? 1))
  const module = new URL('server.js', import.meta.url)
  const server = new Child<ServerHandlers>(module, { signal })
  try {
    const port = await server.ask('open', { subject })
    await client.ask('open', { port, kind: name })
    if (kind.shutdown) await server.ask('shut', undefined)
    const repeat = (n: number) => client.ask('repeat', { from: n * count, count }, RUN_MS)
    for (let n = 0; n < WARM_UPS; n++) await repeat(n)
    // without a collection, after which V8 would compile anew what no object was left of
    await server.ask('begin', undefined)
    await repeat(WARM_UPS)
    const micros = await server.ask('end', undefined)
    await client.ask('close', undefined)
    return micros / count
  } finally {
    await server.close()
  }
}

/** The median of the ratios of each round, in which both ran within seconds. */
function ratioOf({ spillway, 'socket.io': plain }: Micros): number {
  return median(spillway.map((micros, i) => micros / plain[i]!))
}

function reportOf(
  measured: ReadonlyMap<KindName, Micros>,
  options: { readonly rounds: number; readonly repeats: number },
): Report {
  const kinds = Object.fromEntries(
    [...measured].map(([kind, micros]) => [
      kind,
      {
        us: {
          'socket.io': round(median(micros['socket.io']), 1),
          spillway: round(median(micros.spillway), 1),
        },
        ratio: round(ratioOf(micros), 2),
      },
    ]),
  )
  const rows = Object.entries(kinds).map(([kind, { us, ratio }]) => [
    `${kind}: ${KINDS[kind as KindName].words}`,
    us['socket.io'].toFixed(1),
    us.spillway.toFixed(1),
    ratio.toFixed(2),
  ])
  const head = ['a client', 'socket.io us', 'spillway us', 'ratio']
  return { text: table([head, ...rows]), figures: { ...options, kinds } }
}
