import type { Socket } from 'socket.io-client'
import { Sequence } from '../support/clients/sequence.ts'
import type { Beginning } from './load.ts'

/** A client that checks the numbers of the critical messages it gets. */
export class Follower {
  readonly name: string
  readonly client: Socket
  readonly won = new Sequence()
  readonly seat = new Sequence()
  /** Reasons. */
  readonly disconnects: string[] = []
  beginnings = 0

  /** @param client not connected yet, or since this very turn of the loop */
  constructor(name: string, client: Socket) {
    this.name = name
    this.client = client
    client.on('begin', ({ won, seat }: Beginning) => {
      this.beginnings++
      this.won.begin(won)
      this.seat.begin(seat)
    })
    client.on('jackpot:won', ({ n }: { n: number }) => this.won.receive(n))
    client.on('table:state', ({ n }: { n: number }) => this.seat.receive(n))
    client.on('disconnect', (reason) => this.disconnects.push(reason))
  }

  get received(): number {
    return this.won.received + this.seat.received
  }

  get doubled(): number {
    return this.won.doubled + this.seat.doubled
  }

  get reordered(): number {
    return this.won.reordered + this.seat.reordered
  }

  /** Of what it got before the latest message that it got. */
  get gaps(): number {
    return this.won.gaps + this.seat.gaps
  }

  lost({ won, seat }: Beginning): number {
    return this.won.lost(won) + this.seat.lost(seat)
  }
}
