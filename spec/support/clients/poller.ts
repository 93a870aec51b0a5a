/** A client over HTTP long polling that joins, and then does not poll any more. */
export class StillPoller {
  readonly #url: string

  constructor(url: string, protocol: 3 | 4 = 4) {
    this.#url = `${url}/socket.io/?EIO=${protocol}&transport=polling`
  }

  async join(): Promise<void> {
    const opened = await (await fetch(this.#url)).text()
    const { sid } = JSON.parse(opened.slice(opened.indexOf('{'))) as { sid: string }
    const session = `${this.#url}&sid=${sid}`
    await (await fetch(session, { method: 'POST', body: '40' })).text()
    await (await fetch(session)).text()
  }
}
