import { connect } from 'socket.io-client'

/**
 * Clients in a process of their own: `url`, transport and how many. Tells when all are connected, and,
 * when each has received a jackpot, how many frames each had received before.
 */
const [url, transport, count] = process.argv.slice(2)

const frames: number[] = []
let connected = 0
let done = 0

function tell(message: unknown): void {
  process.send!(message)
}

for (let n = 0; n < Number(count); n++) {
  const client = connect(url!, { transports: [transport!], forceNew: true })
  frames.push(0)
  client.once('connect', () => {
    if (++connected === Number(count)) tell('connected')
  })
  client.on('reel:frame', () => {
    frames[n]!++
  })
  client.once('jackpot:won', () => {
    if (++done === Number(count)) tell(frames)
  })
}

process.once('disconnect', () => process.exit())
