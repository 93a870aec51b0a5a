import type { Namespace } from 'socket.io'
import { ClusterAdapter, type ClusterMessage, type ClusterResponse } from 'socket.io-adapter'

/**
 * What two or more servers of one process say to each other, per namespace.
 *
 * @param carry makes of a message what another node gets of it
 */
export function makePair(carry: (message: ClusterMessage) => unknown = structuredClone) {
  const members = new Set<PairAdapter>()
  return class extends PairAdapter {
    protected override readonly members = members
    protected override readonly carry = carry as (message: ClusterMessage) => ClusterMessage

    // Socket.IO 4.7 does not call `init`
    constructor(namespace: Namespace) {
      super(namespace)
      members.add(this)
    }
  }
}

abstract class PairAdapter extends ClusterAdapter {
  protected abstract readonly members: Set<PairAdapter>
  protected abstract readonly carry: (message: ClusterMessage) => ClusterMessage

  override close(): void {
    this.members.delete(this)
  }

  protected override doPublish(message: ClusterMessage): Promise<string> {
    const copy = this.carry(message)
    setImmediate(() => {
      for (const other of this.members) {
        if (other !== this && other.nsp.name === this.nsp.name) other.onMessage(copy)
      }
    })
    return Promise.resolve('')
  }

  protected override doPublishResponse(_uid: string, response: ClusterResponse): Promise<void> {
    setImmediate(() => {
      for (const other of this.members) if (other !== this) other.onResponse(response)
    })
    return Promise.resolve()
  }
}
