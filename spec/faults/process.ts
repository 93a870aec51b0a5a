import type { Apart } from './apart.ts'
import type { ApartFault } from './fault.ts'

const WARM_UP = 100
const GENERATIONS = 2
const SUSPENSIONS = 2

async function baseline(apart: Apart) {
  const { readings, heap } = await apart.readings()
  return { before: readings, heapBefore: heap }
}

export const processFaults: readonly ApartFault[] = [
  {
    name: 'kill -9 of the node',
    async runApart(apart) {
      let sent = 0
      for (let generation = 1; generation < GENERATIONS; generation++) {
        await apart.load()
        await apart.receive(200)
        await apart.kill()
        sent += Math.max(...apart.followers.map(({ won }) => won.last))
        await apart.start()
        await apart.connected(generation + 1)
      }
      // of the processes that were killed, what somebody got is all that is known
      apart.sent += sent
      await apart.load()
      await apart.receive(WARM_UP)
      const before = await baseline(apart)
      await apart.receive(300)
      return before
    },
  },
  {
    name: 'the process stands still, and its clock jumps',
    stallAfter: 1000,
    async runApart(apart) {
      await apart.load()
      await apart.receive(WARM_UP)
      const before = await baseline(apart)
      for (let n = 0; n < SUSPENSIONS; n++) {
        await apart.suspend(1500)
        await apart.receive(150)
      }
      for (const { name, disconnects } of apart.followers) {
        if (disconnects.length > 0) apart.problems.push(`${name} was disconnected: ${disconnects}`)
      }
      return before
    },
  },
]
