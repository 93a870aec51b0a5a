import type { Server as HttpServer } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { replaceMethod } from '../socketio/override.ts'

/** What is done when an app closes. */
export interface ClosingSteps {
  /** Before all `preClose` hooks, whoever has added them. */
  begin(): void
  /** After all of them, and before Fastify closes any connection, which waits for it; never rejects. */
  end(): Promise<void>
}

/**
 * Has the steps done when the app closes. The application may say goodbye in any `preClose` hook: so
 * the clients are closed after the last one.
 *
 * avvio, which boots and closes an app, calls what was added last first, and Fastify adds its own
 * handler, which runs the `preClose` hooks and then closes the server, when everything is loaded. No
 * hook of ours could be the last one, nor take longer than avvio's timeout: so it is the methods of
 * the server that wait.
 *
 * @returns what an `onClose` hook has to wait for: an app that never listened may not close its server
 */
export function whileClosing(app: FastifyInstance, steps: ClosingSteps): () => Promise<void> {
  let ended: Promise<void> | undefined
  let letGo: (() => void) | undefined
  const end = (): Promise<void> => {
    ended ??= steps.end().then(() => letGo?.())
    return ended
  }
  const begin = async (): Promise<void> => {
    if (letGo) return
    letGo = holdConnections(app.server, end)
    steps.begin()
  }
  app.addHook('onReady', async () => {
    const { onClose } = app as { onClose?: (callback: () => Promise<void>) => unknown }
    onClose?.call(app, begin)
  })
  // an app that never was ready, or a Fastify that doesn't show avvio's method
  app.addHook('preClose', begin)
  return end
}

/**
 * Keeps the server's connections: methods that would close any do so when `until` has settled.
 *
 * @returns how to let go of the server before
 */
function holdConnections(server: HttpServer, until: () => Promise<void>): () => void {
  /** What closes connections and returns at once: asked for, and not done. */
  const put: Array<() => void> = []
  const undo = [
    replaceMethod(server, 'close', (close) => (callback) => {
      void until().then(() => {
        for (const each of put.splice(0)) each()
        close(callback)
      })
      return server
    }),
    ...(['closeAllConnections', 'closeIdleConnections'] as const).map((name) =>
      replaceMethod(server, name, (close) => () => void put.push(close)),
    ),
  ]
  return () => {
    for (const each of undo) each?.()
  }
}
