import { readArguments, USAGE, UsageError } from './arguments.ts'
import { runHeadless } from './headless/headless.ts'
import { runLive } from './live.ts'

async function main(): Promise<void> {
  const options = readArguments(process.argv.slice(2))
  if (!options) return console.log(USAGE)
  if (options.headless) await runHeadless(options)
  else await runLive(options)
}

main().catch((error: unknown) => {
  if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`)
  else console.error(error)
  // a run that failed may have left clients that would keep the process alive
  process.exit(1)
})
