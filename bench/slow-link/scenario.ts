import type { Scenario } from '../harness/scenario.ts'
import { congestionControl, linkMaker } from '../harness/shaped-link.ts'
import { SUBJECTS } from '../harness/subjects.ts'
import { figuresOf, limitMs, type SubjectFigures, tableOf } from './figures.ts'
import { PROTOCOLS, TRANSPORTS } from './speech.ts'
import { runTrial } from './trial.ts'

const PER_SECOND = 20

/** A client behind a link that is slower than the load, each subject in turn. */
export const slowLink: Scenario = {
  usage: `  --rate <kbit/s>        of the link, to the client; default 100
  --delay <ms>           of the link, one way; default 0
  --seconds <n>          of load, ${PER_SECOND} messages a second; default 60
  --message-bytes <n>    default 2048
  --critical-every <n>   every n-th message is critical; default 20
  --transport <name>     of the client: ${TRANSPORTS.join(' or ')}; default ${TRANSPORTS[0]}
  --protocol <n>         of Engine.IO, which it speaks: ${PROTOCOLS.join(' or ')}; default ${PROTOCOLS[0]}
  --subjects <a,b>       default ${SUBJECTS.join(',')}
  --trace                to stderr: what spillway knows of its client, twice a second, and what
                         each client received`,

  prepare(args) {
    const rateKbit = args.number('rate', { default: 100, min: 8, max: 1_000_000 })
    const delayMs = args.number('delay', { default: 0, min: 0, max: 5000 })
    const seconds = args.number('seconds', { default: 60, min: 1, max: 3600 })
    const messageBytes = args.number('message-bytes', { default: 2048, min: 128, max: 262_144 })
    const criticalEvery = args.number('critical-every', { default: 20, min: 1, max: 10_000 })
    const speech = {
      transport: args.name('transport', TRANSPORTS),
      protocol: args.name('protocol', PROTOCOLS),
    }
    const subjects = args.names('subjects', SUBJECTS)
    const trace = args.flag('trace')
    const load = { seconds, messageBytes, criticalEvery, perSecond: PER_SECOND }

    return async (signal) => {
      const links = await linkMaker()
      if (links.because) {
        console.log(`no network namespace here, a throttling proxy instead: ${links.because}`)
      }
      const measured: Record<string, SubjectFigures> = {}
      for (const subject of subjects) {
        console.error(`${subject}: ${seconds} s of load`)
        const options = { links, rateKbit, delayMs, speech, load, trace, signal }
        const trial = await runTrial(subject, options)
        if (trace) console.error(JSON.stringify({ subject, ...trial }))
        measured[subject] = figuresOf(trial, { rateKbit, messageBytes })
      }
      const link = {
        kind: links.kind,
        ...(links.because && { because: links.because }),
        rate_kbit: rateKbit,
        delay_ms: delayMs,
        rtt_ms: 2 * delayMs,
        ...speech,
        congestion_control: await congestionControl(),
      }
      const limit_ms = limitMs({ rateKbit, delayMs, messageBytes })
      const figures = { link, limit_ms, message_bytes: messageBytes, seconds, subjects: measured }
      return { text: tableOf(measured, limit_ms), figures }
    }
  },
}
