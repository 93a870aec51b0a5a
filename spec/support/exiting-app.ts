import { messages } from './messages.ts'
import { startServer } from './server.ts'

// A process of its own, which ends in the tick in which it emits.

const fixture = await startServer({ messages })
fixture.io.on('connection', (socket) => {
  socket.on('end', () => {
    fixture.io.emit('jackpot:won', { n: 1 })
    process.exit()
  })
})
console.log(fixture.url)
