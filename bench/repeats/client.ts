import { Agent, request } from 'node:http'
import { serve } from '../../spec/support/process/serve.ts'
import { KINDS, type Kind, type KindName } from './kinds.ts'
import { framesOf, pingFrames, Wire } from './wire.ts'

/** The client that does the same again and again, in a process of its own. */

/** Connections at once, where each repetition is one. */
const AT_ONCE = 8
const QUIET_MS = 50
/** In a row, so that a turn of the server's loop has something to do. */
const NAMESPACES = Array.from({ length: 80 }, (_, n) => `again-${n}`)

interface Session {
  /** @param from how often it was done before */
  repeat(from: number, count: number): Promise<void>
  close(): void
}

let session: Session | undefined
let host: Wire | undefined

const handlers = {
  async open({ port, kind: name }: { port: number; kind: KindName }): Promise<void> {
    const kind: Kind = KINDS[name]
    // a shutdown closes the client first that came first
    if (kind.shutdown) host = await Wire.open(port)
    session = await SESSIONS[kind.by ?? 'websocket'](port, kind)
  },

  async repeat({ from, count }: { from: number; count: number }): Promise<void> {
    await session!.repeat(from, count)
  },

  close(): void {
    session?.close()
    host?.reset()
    session = undefined
    host = undefined
  },
}
export type ClientHandlers = typeof handlers

const SESSIONS: Readonly<
  Record<NonNullable<Kind['by']>, (port: number, kind: Kind) => Promise<Session>>
> = {
  async websocket(port, { says, pings, joinsNothing }) {
    const wire = await Wire.open(port)
    if (!joinsNothing) await wire.join()
    return {
      async repeat(from, count) {
        wire.write(pings ? pingFrames(count) : framesOf(count, (n) => says!(from + n)))
        await wire.settled(QUIET_MS)
      },
      close: () => wire.reset(),
    }
  },

  async rejoins(port) {
    const wire = await Wire.open(port)
    await wire.join()
    const join = async () => {
      const joined = NAMESPACES.map((name) => wire.until((text) => text.startsWith(`40/${name},`)))
      for (const name of NAMESPACES) wire.say(`40/${name},`)
      await Promise.all(joined)
    }
    await join()
    return {
      async repeat(_from, count) {
        for (let left = count; left > 0; left -= NAMESPACES.length) {
          for (const name of NAMESPACES) wire.say(`41/${name},`)
          // whoever leaves and joins in one turn of the server's loop is disconnected
          await wire.answered()
          await join()
        }
      },
      close: () => wire.reset(),
    }
  },

  async connections(port) {
    const visit = async () => {
      const wire = await Wire.open(port)
      await wire.join()
      await wire.close()
    }
    return { repeat: (_from, count) => severally(count, visit), close() {} }
  },

  async upgrades(port) {
    const polling = new Polling(port)
    const visit = async () => {
      const sid = await polling.open()
      const wire = await Wire.open(port, sid)
      wire.say('5')
      await wire.join()
      await wire.close()
    }
    return { repeat: (_from, count) => severally(count, visit), close: () => polling.close() }
  },

  async probes(port) {
    const polling = new Polling(port)
    const sid = await polling.open()
    await polling.post(sid, '40')
    const visit = async () => (await Wire.open(port, sid)).close()
    // one at a time: Engine.IO allows no more
    return { repeat: (_from, count) => severally(count, visit, 1), close: () => polling.close() }
  },

  async polling(port) {
    const polling = new Polling(port)
    const sid = await polling.open()
    await polling.post(sid, '40')
    await polling.get(sid)
    const turn = async () => {
      await polling.post(sid, '42["echo"]')
      await polling.get(sid)
    }
    return { repeat: (_from, count) => severally(count, turn, 1), close: () => polling.close() }
  },
}

async function severally(count: number, act: () => Promise<void>, atOnce = AT_ONCE): Promise<void> {
  let left = count
  const one = async () => {
    while (left-- > 0) await act()
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

class Polling {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })

  constructor(port: number) {
    this.#port = port
  }

  /** @returns the session's id */
  async open(): Promise<string> {
    return JSON.parse((await this.#ask('GET', '')).slice(1)).sid
  }

  post(sid: string, body: string): Promise<string> {
    return this.#ask('POST', `&sid=${sid}`, body)
  }

  get(sid: string): Promise<string> {
    return this.#ask('GET', `&sid=${sid}`)
  }

  close(): void {
    this.#agent.destroy()
  }

  #ask(method: string, query: string, body?: string): Promise<string> {
    const path = `/socket.io/?EIO=4&transport=polling${query}`
    return new Promise((resolve, reject) => {
      const asked = request(
        { host: '127.0.0.1', port: this.#port, path, method, agent: this.#agent },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => resolve(text))
        },
      )
      asked.on('error', reject)
      asked.end(body)
    })
  }
}

serve(handlers)
