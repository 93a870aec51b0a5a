import type { ClientQueue, ClientStats, ClientsPage, ListQuery } from '../../schemas/stats.ts'
import type { Clock } from '../base/clock.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import { type Counts, countStates } from './census.ts'
import type { Client } from './client.ts'
import { clientStatsOf, queueOf } from './client-stats.ts'
import { Listings } from './listing.ts'
import { peerOf } from './peer.ts'

/** Answers questions about the connected clients, for the handle and the admin routes. */
export class ClientReads {
  readonly #clients: ReadonlyMap<string, Client>
  readonly #watched: ReadonlySet<Client>
  readonly #clock: Clock
  readonly #listings: Listings

  /**
   * @param clients the connected clients by id; not a copy
   * @param watched those that something is queued for or in flight to; not a copy
   */
  constructor(clients: ReadonlyMap<string, Client>, watched: ReadonlySet<Client>, clock: Clock) {
    this.#clients = clients
    this.#watched = watched
    this.#clock = clock
    const host = { channels: () => clients.values(), channel: (id: string) => clients.get(id) }
    this.#listings = new Listings(host, clock)
  }

  /** The figures of one client; undefined if there is no such client. */
  get(id: string): ClientStats | undefined {
    const client = this.#clients.get(id)
    return client && this.#statsOf(client)
  }

  *all(): Generator<ClientStats> {
    for (const client of this.#clients.values()) yield this.#statsOf(client)
  }

  /** A page of the clients that match; see {@link Listings}. */
  async list(
    query: ListQuery,
    isMatch: (channel: Channel) => boolean,
  ): Promise<ClientsPage | undefined> {
    const listing = await this.#listings.list(query, isMatch)
    if (!listing) return undefined
    const { total, ids, next } = listing
    return { total, clients: ids.flatMap((id) => this.get(id) ?? []), next }
  }

  /**
   * What waits for one client.
   *
   * @param maxAge of messages whose annotation does not say
   * @param limit most messages
   */
  queue(id: string, maxAge: Millis, limit: number): ClientQueue | undefined {
    const client = this.#clients.get(id)
    return client && queueOf(client, maxAge, limit, this.#clock.now())
  }

  /** Bytes buffered for all clients. O(clients that wait). */
  get buffered(): Bytes {
    let buffered = 0
    for (const client of this.#watched) buffered += client.buffered
    return buffered
  }

  /** How many clients are in each state now. O(clients). */
  get states(): Counts['states'] {
    return countStates(this.#clients.values(), this.#watched, this.#clock.now())
  }

  close(): void {
    this.#listings.close()
  }

  #statsOf(client: Client): ClientStats {
    const { conn } = client.link
    // in protocol 3 a socket's id is the secret id of its Engine.IO session
    const shown = conn.protocol === 3 ? [] : client.sockets.connected()
    const sockets: Record<string, string> = {}
    let count = 0
    for (const { nsp, id } of shown) {
      if (++count > MOST_SOCKETS) break
      sockets[nsp.name] = id
    }
    return clientStatsOf(client, { sockets, ...peerOf(conn) }, this.#clock.now())
  }
}

/** Sockets shown of one client, which may have joined thousands of dynamic namespaces. */
const MOST_SOCKETS = 100
