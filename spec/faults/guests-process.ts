import { serve } from '../support/process/serve.ts'
import { connectors } from '../support/servers/server.ts'

/** Clients in a process of their own, for a network namespace of their own. */

const handlers = {
  async open({ url, count }: { url: string; count: number }): Promise<void> {
    const { raw } = connectors(url, [])
    for (let n = 0; n < count; n++) await raw()
  },
}
export type GuestsProcess = typeof handlers

serve(handlers)
