/**
 * `THOROUGH=1`, as in CI: suites that play something again and again do so as often as it takes to
 * find what is rare. Without it they play each kind of thing, and `npm test` ends in minutes.
 */
const isThorough = !['', '0'].includes(process.env.THOROUGH ?? '')

/** A number that says how often, or any other choice of how much is played. */
export function often<Choice>({ usually, thoroughly }: Record<Mode, Choice>): Choice {
  return isThorough ? thoroughly : usually
}

type Mode = 'usually' | 'thoroughly'
