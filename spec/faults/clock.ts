import type { Fault } from './fault.ts'

const HOUR = 3_600_000

export const clockFaults: readonly Fault[] = [
  {
    name: 'the wall clock jumps',
    async run(stage) {
      const { now } = Date
      const jumps = [HOUR, -HOUR, 24 * 365 * HOUR, -24 * 365 * HOUR, 0]
      try {
        for (const jump of jumps) {
          Date.now = () => now() + jump
          await stage.rounds(100)
        }
      } finally {
        Date.now = now
      }
    },
  },
]
