import { serve } from '../../spec/support/process/serve.ts'
import { type Broadcaster, type Load, type Measured, measure } from './measure.ts'

/** uWebSockets' publish, by way of Bun, which this runs on; alone in its process. */

interface BunServer {
  readonly port: number
  publish(topic: string, text: string): number
  upgrade(request: unknown): boolean
}

declare const Bun: {
  serve(options: {
    hostname: string
    port: number
    fetch(request: unknown, server: BunServer): Response | undefined
    websocket: { open(ws: { subscribe(topic: string): void }): void; message(): void }
  }): BunServer
}

let subject: Broadcaster | undefined

const handlers = {
  async open({ text }: { text: string }): Promise<number> {
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request, at) => (at.upgrade(request) ? undefined : new Response('ok')),
      websocket: { open: (ws) => ws.subscribe('all'), message() {} },
    })
    subject = { port: server.port, broadcast: () => server.publish('all', text) }
    return server.port
  },
  measure: (load: Load): Promise<Measured> => measure(subject!, load),
}
export type BunHandlers = typeof handlers

serve(handlers)
