import { parseArgs } from 'node:util'

export interface Arguments {
  readonly headless: boolean
  readonly json: boolean
  readonly seconds: number
  readonly port: number
}

export const USAGE = `npm run demo -- [options]

  --port <1-65535>     of the page; default 3000
  --seconds <5-600>    how long the load lasts; default 600, headless 30
  --headless           no page: a run without and a run with the plugin, and a table
  --json               with --headless: the figures as one JSON object in the last line
  --help`

/** A mistake of the caller: it is shown without a stack. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/**
 * @returns undefined if help is asked for
 * @throws UsageError if an argument is unknown or out of range
 */
export function readArguments(args: readonly string[]): Arguments | undefined {
  const { values, tokens } = parse(args)
  if (values.help) return undefined
  const { headless = false, json = false } = values
  if (json && !headless) throw new UsageError('--json: only with --headless')
  if (headless && tokens.some((token) => token.kind === 'option' && token.name === 'port')) {
    throw new UsageError('--port: not with --headless, which takes free ports')
  }
  return {
    headless,
    json,
    seconds: whole('--seconds', values.seconds ?? (headless ? '30' : '600'), 5, 600),
    port: whole('--port', values.port ?? '3000', 1, 65_535),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      tokens: true,
      options: {
        headless: { type: 'boolean' },
        json: { type: 'boolean' },
        seconds: { type: 'string' },
        port: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function whole(flag: string, given: string, min: number, max: number): number {
  const value = /^\d+$/.test(given) ? Number(given) : Number.NaN
  if (value >= min && value <= max) return value
  throw new UsageError(
    `${flag}: was given ${JSON.stringify(given)}; allowed: a whole number from ${min} to ${max}`,
  )
}
