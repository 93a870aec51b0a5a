import type { Server as HttpServer } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { replaceMethod } from '../socketio/override.ts'

/** Steps of the closing of an app. */
export interface ClosingSteps {
  /** Runs before all `preClose` hooks, including the application's. */
  begin(): void
  /** Runs after all `preClose` hooks. Fastify closes connections after it settles. Never rejects. */
  end(): Promise<void>
}

/**
 * Runs the steps when the app closes. `end` closes the clients, so it runs after the last `preClose`
 * hook: the application may emit a goodbye in any of them.
 *
 * A hook can't do that. avvio, which boots and closes an app, runs close handlers in reverse order, and
 * Fastify adds its own handler, which runs the `preClose` hooks and then closes the server, after all
 * plugins are loaded. A hook also must not exceed avvio's timeout. So the server's methods that close
 * connections are patched to wait for `end`.
 *
 * @returns runs `end` if the server's methods have not; for an `onClose` hook, since an app that never
 *   listened may not close its server
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
  // for an app that never was ready, and for a Fastify that doesn't expose avvio's `onClose`
  app.addHook('preClose', begin)
  return end
}

/**
 * Postpones the server's methods that close connections until `until` has settled.
 *
 * @returns restores the methods
 */
function holdConnections(server: HttpServer, until: () => Promise<void>): () => void {
  /** Calls of the methods without a callback, which run before `close` does. */
  const postponed: Array<() => void> = []
  const undo = [
    replaceMethod(server, 'close', (close) => (callback) => {
      void until().then(() => {
        for (const each of postponed.splice(0)) each()
        close(callback)
      })
      return server
    }),
    ...(['closeAllConnections', 'closeIdleConnections'] as const).map((name) =>
      replaceMethod(server, name, (close) => () => void postponed.push(close)),
    ),
  ]
  return () => {
    for (const each of undo) each?.()
  }
}
