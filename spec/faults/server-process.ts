import { serve } from '../support/process/serve.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import type { Beginning } from './load.ts'
import { Load } from './load.ts'
import { OPTIONS, WATERMARKS } from './options.ts'
import { accounted, heapAlive, readingsOf } from './readings.ts'

/** A server alone in its process, under load. */

let fixture: AppFixture
let load: Load

const handlers = {
  /** @returns what to send signals to, and where it listens */
  async open({ port, stallAfter }: { port: number; stallAfter: number }) {
    fixture = await startApp(
      { ...OPTIONS, watermarks: WATERMARKS, stallAfter },
      undefined,
      {},
      port,
    )
    load = new Load(fixture.io)
    return { pid: process.pid, port: fixture.port }
  },
  load(): void {
    load.start()
  },
  async stop(): Promise<Beginning> {
    await load.stop()
    return { won: load.won, seat: load.seat }
  },
  async readings() {
    const readings = readingsOf(fixture.io, fixture.app.spillway)
    return { readings, left: accounted(readings), heap: await heapAlive() }
  },
  closings() {
    return fixture.app.spillway.readings.closings
  },
}
export type ServerProcess = typeof handlers

serve(handlers)
