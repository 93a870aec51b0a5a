/**
 * Figures that happen to be equal would hide that a page shows one for the other. So each of an
 * answer's figures is shifted by a step of its own, small enough to leave the order and the zones
 * as they are.
 */
const STEPS: Readonly<Record<string, number>> = {
  congested: 100,
  queueing: 200,
  blind: 300,
  dropped: 10_001,
  conflated: 20_003,
  expired: 30_007,
  observed: 40_009,
  undelivered: 50_021,
  invalid: 7,
  rtt: 1000,
  minRtt: 20_000,
  critical: 100,
  cosmetic: 400,
  sinceProgress: 300,
  stalledFor: 500,
  closesIn: 700,
  outstanding: 70,
  inFlight: 150,
}

/** @returns a copy of an answer */
export function apart(answer: unknown, key = ''): unknown {
  if (typeof answer === 'number') return answer + (STEPS[key] ?? 0)
  if (Array.isArray(answer)) return answer.map((each) => apart(each))
  if (typeof answer !== 'object' || answer === null) return answer
  const entries = Object.entries(answer)
  return Object.fromEntries(
    // a count of messages is told apart by what they are of
    entries.map(([name, value]) => [name, apart(value, name === 'messages' ? key : name)]),
  )
}
