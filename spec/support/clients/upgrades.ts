import { eventually, type Fixture } from '../servers/server.ts'
import { HostileSocket, requestOf, text, UPGRADE } from './hostile-socket.ts'

/** A session over polling that polls only when it is told to. */
export class PollingSession {
  readonly sid: string
  readonly #url: string

  private constructor(url: string, sid: string) {
    this.#url = `${url}&sid=${sid}`
    this.sid = sid
  }

  /** Has joined the main namespace, and read that it has. */
  static async open({ url }: Pick<Fixture, 'url'>): Promise<PollingSession> {
    const address = `${url}/socket.io/?EIO=4&transport=polling`
    const opened = await (await fetch(address)).text()
    const session = new PollingSession(address, JSON.parse(opened.slice(1)).sid)
    await session.post('40')
    await session.poll()
    return session
  }

  async post(packets: string): Promise<number> {
    const response = await fetch(this.#url, { method: 'POST', body: packets })
    await response.text()
    return response.status
  }

  async poll(): Promise<string> {
    return (await fetch(this.#url)).text()
  }
}

/** WebSockets that ask for a session's upgrade, one after the other, and never go through with it. */
export class EndlessUpgrades {
  readonly #fixture: Fixture
  readonly #sid: string
  readonly #says: readonly string[]
  readonly #probes: HostileSocket[] = []
  #timer: NodeJS.Timeout | undefined

  /** @param says what each of them says first */
  constructor(fixture: Fixture, sid: string, says: readonly string[] = []) {
    this.#fixture = fixture
    this.#sid = sid
    this.#says = says
  }

  async start(interval: number): Promise<void> {
    await this.#next()
    await eventually(() => this.#latest?.response.startsWith('HTTP/1.1 101') === true)
    this.#timer = setInterval(() => void this.#next(), interval)
  }

  stop(): void {
    clearInterval(this.#timer)
    for (const probe of this.#probes) probe.close()
  }

  get gone(): boolean {
    return this.#latest?.gone === true
  }

  get #latest(): HostileSocket | undefined {
    return this.#probes.at(-1)
  }

  async #next(): Promise<void> {
    const probe = await HostileSocket.open(this.#fixture.port)
    const query = `EIO=4&transport=websocket&sid=${this.#sid}`
    // ends the one before in the same turn of the loop in which this one begins
    this.#latest?.send(text('6'))
    probe.send(requestOf({ query, headers: UPGRADE }))
    for (const packet of this.#says) probe.send(text(packet))
    this.#probes.push(probe)
  }
}
