import type { Writable } from 'node:stream'
import * as ws from 'ws'

/** Its types leave it out. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable }

/** What the parser of `ws` makes of frames that a server sent. */
export async function parse(bytes: Uint8Array): Promise<Array<string | Buffer>> {
  const found: Array<string | Buffer> = []
  const receiver = new Receiver({ isServer: false })
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    found.push(isBinary ? data : data.toString())
  })
  receiver.on('ping', (data: Buffer) => found.push(`ping ${data}`))
  await new Promise<void>((resolve, reject) => {
    receiver.once('error', reject)
    receiver.write(bytes, () => setImmediate(resolve))
  })
  return found
}
