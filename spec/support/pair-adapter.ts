import type { Namespace } from 'socket.io'
import { ClusterAdapter, type ClusterMessage, type ClusterResponse } from 'socket.io-adapter'

/** What two or more servers of one process say to each other, per namespace. */
export function makePair() {
  const members = new Set<PairAdapter>()
  return class extends PairAdapter {
    protected override readonly members = members

    // Socket.IO 4.7 does not call `init`
    constructor(namespace: Namespace) {
      super(namespace)
      members.add(this)
    }
  }
}

abstract class PairAdapter extends ClusterAdapter {
  protected abstract readonly members: Set<PairAdapter>

  override close(): void {
    this.members.delete(this)
  }

  protected override doPublish(message: ClusterMessage): Promise<string> {
    const copy = structuredClone(message)
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
