import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { MiB } from '../../../lib/base/units.ts'
import { cosmetic } from '../../../schemas/priority.ts'
import { BOUNDLESS, choke } from '../clients/flood.ts'
import { type Fixture, startServer } from '../servers/server.ts'

/** What waits, and for whom. */
export interface MemoryCell {
  readonly name: string
  readonly way: 'emit' | 'broadcast'
  readonly event: 'critical' | 'cosmetic' | 'keyed'
  readonly characters: number
  /** Of one UTF-16 unit. */
  readonly character?: string
  readonly binary?: boolean
  readonly messages: number
  readonly clients: number
  readonly transport?: 'websocket' | 'polling'
}

export interface Measured {
  /** Bytes of heap and buffers, after a collection. */
  readonly taken: number
  /** What the ledger says. */
  readonly held: number
  /** What it says when all clients have been closed. */
  readonly left: number
}

const messages = {
  cosmetic: cosmetic(z.any(), { maxAge: 3_600_000 }),
  keyed: cosmetic(z.any(), { maxAge: 3_600_000, conflateBy: (payload) => String(payload) }),
}

/** In a process with `--expose-gc`, so that nothing else is measured: one line of JSON a cell. */
async function measure(cell: MemoryCell): Promise<Measured> {
  const fixture = await startServer({
    messages,
    watermarks: BOUNDLESS,
    stallAfter: 300_000,
    budget: 4096 * MiB,
    maxAge: 3_600_000,
    validate: 'off',
  })
  if (cell.transport === 'polling') await neverPolling(fixture, cell.clients)
  else {
    const clients = await Promise.all(Array.from({ length: cell.clients }, () => fixture.raw()))
    await choke(fixture, ...clients)
  }
  const held = () => fixture.spillway!.stats().budget.held
  const before = { taken: await takenNow(), held: held() }
  await emit(fixture, cell)
  const after = { taken: await takenNow(), held: held() }
  for (const { id } of fixture.spillway!.clients()) fixture.spillway!.terminate(id)
  while (fixture.spillway!.stats().clients.connected > 0) await wait(5)
  const left = held()
  await fixture.close()
  return { taken: after.taken - before.taken, held: after.held - before.held, left }
}

async function emit({ io }: Fixture, cell: MemoryCell): Promise<void> {
  const { way, event, characters, character = 'x', binary } = cell
  const sockets = [...io.sockets.sockets.values()]
  for (let n = 0; n < cell.messages; n++) {
    const text = String(n).padEnd(characters, character)
    const payload = binary ? Buffer.from(text) : text
    if (way === 'broadcast') io.emit(event, payload)
    else sockets[n % sockets.length]!.emit(event, payload)
    if (n % 50 === 0) await turn()
  }
  await wait(50)
}

/** Clients that have joined, and ask for nothing. */
async function neverPolling({ url }: Fixture, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const address = `${url}/socket.io/?EIO=4&transport=polling`
    const opened = await (await fetch(address)).text()
    const { sid } = JSON.parse(opened.slice(1))
    await fetch(`${address}&sid=${sid}`, { method: 'POST', body: '40' })
    await (await fetch(`${address}&sid=${sid}`)).text()
  }
}

async function takenNow(): Promise<number> {
  for (let n = 0; n < 4; n++) {
    await turn()
    globalThis.gc!()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const cells: readonly MemoryCell[] = JSON.parse(process.argv[2] ?? '[]')
for (const cell of cells) console.log(JSON.stringify(await measure(cell)))
process.exit()
