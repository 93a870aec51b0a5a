import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Result, Told, Unread } from '../process/unread-server.ts'
import { connectors } from '../servers/server.ts'
import { HostileSocket, requestOf, text, UPGRADE } from './hostile-socket.ts'

const server = fileURLToPath(new URL('../process/unread-server.ts', import.meta.url))

export interface Outcome {
  /** None if the process has ended before. */
  readonly result: Result | undefined
  /** How the process has ended, if it has. */
  readonly end: string | undefined
  /** Whether an honest client was answered after all that. */
  readonly answered: boolean
  readonly connected: number
}

/**
 * A server process of its own, with clients that read nothing, and an honest one beside them.
 *
 * @param heap of its old generation, in MB
 */
export async function unreadBy(
  cell: Unread,
  heap: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const child = fork(server, [JSON.stringify(cell)], {
    execArgv: [`--max-old-space-size=${heap}`, '--import', 'tsx'],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const opened: Array<{ close(): unknown }> = []
  try {
    return await attack(child, cell, opened)
  } finally {
    for (const each of opened) each.close()
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  }
}

async function attack(
  child: ChildProcess,
  cell: Unread,
  opened: Array<{ close(): unknown }>,
): Promise<Outcome> {
  let port = 0
  let connected = 0
  let end: string | undefined
  const join = async () => {
    while (end === undefined) {
      const client = await neverReading(port, cell.transport).catch(() => undefined)
      if (!client) continue
      connected++
      opened.push(client)
      return
    }
  }
  return new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      end = `exit ${code ?? signal}`
      resolve({ result: undefined, end, answered: false, connected })
    })
    const start = async (to: number) => {
      port = to
      const { client } = connectors(`http://127.0.0.1:${port}`, opened)
      const honest = await client()
      honest.emit('honest')
      for (let n = 0; n < cell.clients; n++) await join()
      return honest
    }
    let honest: ReturnType<typeof start> | undefined
    child.on('message', (told: Told) => {
      if ('port' in told) {
        honest = start(told.port)
        honest.catch(reject)
      } else if ('gone' in told) void join()
      else {
        void honest!.then((client) =>
          client.timeout(10_000).emit('ask', (error: unknown) => {
            resolve({ result: told, end, answered: !error, connected })
          }),
        )
      }
    })
  })
}

/**
 * A client that has joined and reads nothing from then on, or never polls again.
 *
 * @returns undefined if it is closed before it has joined
 */
async function neverReading(
  port: number,
  transport: Unread['transport'],
): Promise<{ close(): unknown } | undefined> {
  if (transport === 'websocket') {
    const tcp = await HostileSocket.open(port)
    tcp.send(requestOf({ query: 'EIO=4&transport=websocket', headers: UPGRADE }))
    if (!(await packets(tcp, 1))) return undefined
    tcp.send(text('40'))
    if (!(await packets(tcp, 2))) return undefined
    tcp.pause()
    tcp.send(text('42["unread"]'))
    return tcp
  }
  const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`
  const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1)) as { sid: string }
  const say = (body: string) => fetch(`${url}&sid=${sid}`, { method: 'POST', body })
  await (await say('40')).text()
  await (await fetch(`${url}&sid=${sid}`)).text()
  await (await say('42["unread"]')).text()
  return { close: () => {} }
}

/** However long the server is busy. @returns whether they came */
async function packets(tcp: HostileSocket, count: number): Promise<boolean> {
  while (!tcp.gone) if (await tcp.until(() => tcp.packets.length >= count)) return true
  return false
}
