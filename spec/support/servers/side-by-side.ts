import { once } from 'node:events'
import { expect } from 'chai'
import type { ServerOptions, Socket } from 'socket.io'
import type { SpillwayOptions } from '../../../lib/spillway-options.ts'
import { type Fixture, type RawClient, startServer } from './server.ts'

/** Sockets and clients are in the order in which they connected. */
export interface Stage extends Fixture {
  readonly sockets: readonly Socket[]
  readonly clients: readonly RawClient[]
}

export interface SideBySide {
  /** What is done to the server with the plugin and to the one without. */
  readonly act: (stage: Stage) => unknown
  readonly clients?: number
  readonly options?: SpillwayOptions
  readonly serverOptions?: () => Partial<ServerOptions>
}

/**
 * Does the same to a server without the plugin and to one with it, in `enforce` and in `observe`.
 *
 * @returns the frames that each client received without the plugin, which are those with it
 */
export async function sideBySide(play: SideBySide): Promise<Array<Array<string | Buffer>>> {
  const plain = await framesOf('plain', play)
  for (const mode of ['enforce', 'observe'] as const) {
    const got = await framesOf({ ...play.options, mode }, play)
    expect(got, `with the plugin, ${mode}`).to.deep.equal(plain)
  }
  return plain
}

async function framesOf(
  options: SpillwayOptions | 'plain',
  { act, clients: count = 3, serverOptions }: SideBySide,
): Promise<Array<Array<string | Buffer>>> {
  const fixture = await startServer(options, serverOptions?.())
  try {
    const clients: RawClient[] = []
    const sockets: Socket[] = []
    for (let index = 0; index < count; index++) {
      const connected = once(fixture.io, 'connection') as Promise<[Socket]>
      clients.push(await fixture.raw())
      sockets.push((await connected)[0])
    }
    const before = clients.map(({ frames }) => frames.length)
    await act({ ...fixture, sockets, clients })
    for (const { conn } of sockets) conn.write('done')
    for (const client of clients) await client.until(() => client.frames.includes('4done'))
    return clients.map(({ frames }, index) => frames.slice(before[index], -1))
  } finally {
    await fixture.close()
  }
}

/** The frames as texts, for short expectations. */
export function texts(frames: ReadonlyArray<string | Buffer>): string[] {
  return frames.map((frame) => (typeof frame === 'string' ? frame : `(${frame.toString()})`))
}
