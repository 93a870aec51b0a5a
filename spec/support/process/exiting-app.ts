import { messages } from '../messages.ts'
import { startServer } from '../servers/server.ts'

// A process of its own, which ends in the tick in which it emits, or emits while it ends.

const [, , when] = process.argv
const fixture = await startServer({ messages })
const emit = () => {
  for (let n = 1; n <= 3; n++) fixture.io.emit('jackpot:won', { n })
}
fixture.io.on('connection', (socket) => {
  socket.on('end', () => {
    if (when === 'the process ends in the same tick') emit()
    else process.on('exit', emit)
    process.exit()
  })
})
console.log(fixture.url)
