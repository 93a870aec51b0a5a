import { replaceMethod } from './override.ts'

/** Whom an operator of Socket.IO is for, as its adapter is told. */
interface Target {
  readonly rooms?: ReadonlySet<unknown>
  readonly except?: ReadonlySet<unknown>
  readonly flags?: { readonly local?: boolean }
}

interface Adapter {
  disconnectSockets?: (target: Target, close?: boolean) => unknown
}

/** Private to Socket.IO; optional here. */
interface Server {
  readonly _nsps?: ReadonlyMap<string, { readonly adapter: Adapter }>
}

/**
 * Has `io.local.disconnectSockets(true)`, of any namespace, do nothing. That call closes all
 * connections of this node, and tells the clients not to come back.
 *
 * @returns a function that undoes it
 */
export function withoutLocalDisconnects(io: object): () => void {
  const { _nsps: namespaces } = io as Server
  const undo = [...(namespaces?.values() ?? [])].map(({ adapter }) =>
    replaceMethod(adapter, 'disconnectSockets', (disconnect) => (target, close) => {
      if (!close || !isEveryoneHere(target)) return disconnect(target, close)
    }),
  )
  return () => {
    for (const each of undo) each?.()
  }
}

function isEveryoneHere({ rooms, except, flags }: Target): boolean {
  return flags?.local === true && !rooms?.size && !except?.size
}
