import { expect } from 'chai'
import { connect, type Socket } from 'socket.io-client'
import type { Path } from '../support/paths/path-relay.ts'
import {
  type Brought,
  bringsEverything,
  longestRoundTrip,
  offeredIn,
  PathTrial,
  playAll,
  type SideBySide,
} from '../support/paths/path-trial.ts'

const WIFI: Path = { bytesPerSecond: 4_000_000, delayMs: 3, bunchMs: 100 }
const CABLE: Path = { bytesPerSecond: 12_500_000, delayMs: 2 }
const MOBILE: Path = { bytesPerSecond: 1_000_000, delayMs: 30, jitterMs: 60 }
const FAR: Path = { bytesPerSecond: 1_000_000, delayMs: 50 }
const SATELLITE: Path = { bytesPerSecond: 1_000_000, delayMs: 250 }
/** A tenth of the load. */
const TUNNEL: Path = { bytesPerSecond: 32_000, delayMs: 100, jitterMs: 50 }

interface Change {
  readonly from: Path
  /** For some seconds in between; it may shed what this one does not carry. */
  readonly over?: Path
  readonly to: Path
}

/** Of a client that stays connected; first and last carry 320 KB/s. */
const CHANGES: Readonly<Record<string, Change>> = {
  'Wi-Fi to mobile': { from: WIFI, to: MOBILE },
  'mobile to Wi-Fi': { from: MOBILE, to: WIFI },
  'cable to far away': { from: CABLE, to: FAR },
  'cable to satellite': { from: CABLE, to: SATELLITE },
  'satellite to cable': { from: SATELLITE, to: CABLE },
  'mobile through a tunnel': { from: MOBILE, over: TUNNEL, to: MOBILE },
}

const BEFORE = offeredIn(6000)
const BETWEEN = offeredIn(4000)
const AFTER = offeredIn(5000)
const MOST_AFTER = AFTER * 0.01
/** Load lasts seconds here, and each wait is bounded by itself. */
const LIMIT_MS = 240_000

interface Seen extends Brought {
  /** Cosmetic messages that were shed from the last change on: while it gets used to it, and after. */
  readonly shed: { readonly first: number; readonly after: number }
}

describe('A client whose path changes while it is connected', function () {
  this.timeout(LIMIT_MS)

  let seen: Map<string, SideBySide<Seen>>

  before(async () => {
    seen = await playAll(CHANGES, play, ({ shed }, change) => {
      return shed.after <= MOST_AFTER && shed.first <= mostFirst(change)
    })
  })

  for (const [name, change] of Object.entries(CHANGES)) {
    describe(`from ${name}`, () => {
      bringsEverything((subject) => seen.get(name)![subject])

      it('spillway sheds no more after two seconds and ten round trips', () => {
        expect(seen.get(name)!.spillway.shed.after).to.be.at.most(MOST_AFTER)
      })

      if (change.over) return

      it('spillway sheds 10 % of them at most until then', () => {
        expect(seen.get(name)!.spillway.shed.first).to.be.at.most(mostFirst(change))
      })
    })
  }
})

/** Messages that may be shed until it is back; what a tunnel did not carry may still have to be. */
function mostFirst({ to, over }: Change): number {
  return over ? Number.POSITIVE_INFINITY : settling(to) * 0.1
}

/** Messages that are offered in the time in which it has to be back. */
function settling(path: Path): number {
  return offeredIn(2000 + 10 * longestRoundTrip(path))
}

async function play({ from, over, to }: Change, plain: boolean): Promise<Seen> {
  const trial = await PathTrial.open(from, { plain })
  const client = connect(trial.relay.url, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
  })
  try {
    const received = { critical: [] as number[], cosmetic: 0, disconnects: 0 }
    client.on('jackpot:won', ({ seq }: { seq: number }) => received.critical.push(seq))
    client.on('reel:frame', () => received.cosmetic++)
    client.on('disconnect', () => received.disconnects++)
    await connected(client)
    trial.load()
    await trial.offer(BEFORE)
    if (over) {
      trial.relay.path = over
      await trial.offer(BETWEEN)
    }
    trial.relay.path = to
    const before = trial.shed
    await trial.offer(settling(to))
    const first = trial.shed - before
    await trial.offer(AFTER)
    const after = trial.shed - before - first
    await trial.settle(() => received.cosmetic)
    const { offered, criticalSent } = trial
    return { shed: { first, after }, offered, criticalSent, ...received }
  } finally {
    client.close()
    await trial.close()
  }
}

function connected(client: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('connect', resolve)
    client.once('connect_error', reject)
  })
}
