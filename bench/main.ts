import { Arguments, UsageError } from './harness/arguments.ts'
import type { Scenario } from './harness/scenario.ts'
import { scenarios } from './scenarios.ts'

/** `npm run bench -- <scenario> [options]`; with `--json` the last line is one JSON object. */

function usage(): string {
  const names = Object.entries(scenarios).map(([name, { usage }]) => `${name}\n${usage}`)
  return `npm run bench -- <scenario> [--json] [options]\n\n${names.join('\n\n')}`
}

function scenarioOf(name: string | undefined): Scenario {
  const scenario = Object.hasOwn(scenarios, name ?? '') ? scenarios[name!] : undefined
  if (scenario) return scenario
  const given = name === undefined ? 'no scenario' : `unknown scenario ${JSON.stringify(name)}`
  throw new UsageError(`${given}; there are: ${Object.keys(scenarios).join(', ')}`)
}

async function run([name, ...rest]: readonly string[], signal: AbortSignal): Promise<void> {
  if (name === '--help' || rest.includes('--help')) return console.log(usage())
  const scenario = scenarioOf(name)
  const args = new Arguments(rest)
  const json = args.flag('json')
  const start = scenario.prepare(args)
  args.end()
  const { text, figures } = await start(signal)
  console.log(text)
  if (json) console.log(JSON.stringify({ scenario: name, ...figures }))
}

const abort = new AbortController()
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(name, () => {
    process.exitCode = code
    abort.abort(new UsageError(`ended by ${name}`))
  })
}

try {
  await run(process.argv.slice(2), abort.signal)
} catch (error) {
  const { reason } = abort.signal
  console.error(
    abort.signal.aborted ? reason.message : error instanceof UsageError ? error.message : error,
  )
  process.exitCode ||= 1
}
