import { expect } from 'chai'
import { hideBatch, returnFirst, showPackets, showsBatch } from '../../lib/link/write-buffer.ts'
import type { Envelope } from '../../lib/message/envelope.ts'
import { FrameBatch } from '../../lib/message/frame-batch.ts'
import type { EngineSocket } from '../../lib/socketio/engine.ts'

const message = (...names: string[]) =>
  ({ parts: names, packets: names.map((name) => ({ name })), bytes: 10 }) as unknown as Envelope

/** A connection that is sent messages in one tick. */
class Sending {
  readonly conn = { writeBuffer: [] as unknown[] } as unknown as EngineSocket
  batch: FrameBatch | undefined

  /** @param sent whether Engine.IO would send the first packet at once */
  send(envelope: Envelope, sent: 0 | 1 = 0): void {
    const shown = this.batch ? envelope.parts.length : envelope.parts.length - sent
    this.batch = this.batch ? this.batch.and(envelope) : new FrameBatch(envelope, undefined, sent)
    showPackets(this.conn, envelope, shown)
  }

  get names(): string[] {
    return this.conn.writeBuffer!.map((packet) => (packet as { name: string }).name)
  }
}

describe("Engine.IO's write buffer", () => {
  it('shows all packets of a batch but the one that Engine.IO would have sent', () => {
    const sending = new Sending()
    sending.send(message('a1', 'a2'), 1)
    sending.send(message('b'))
    expect(sending.names).to.deep.equal(['a2', 'b'])
    expect(showsBatch(sending.conn, sending.batch!)).to.equal(true)
    returnFirst(sending.conn, sending.batch!)
    expect(sending.names).to.deep.equal(['a1', 'a2', 'b'])
  })

  it('shows all of a batch behind which Engine.IO is sending', () => {
    const sending = new Sending()
    sending.send(message('a'))
    sending.send(message('b1', 'b2'))
    expect(sending.names).to.deep.equal(['a', 'b1', 'b2'])
    returnFirst(sending.conn, sending.batch!)
    expect(sending.names).to.deep.equal(['a', 'b1', 'b2'])
  })

  it('has nothing of a batch that Engine.IO would have sent whole', () => {
    const sending = new Sending()
    sending.send(message('a'), 1)
    expect(sending.names).to.deep.equal([])
    expect(showsBatch(sending.conn, sending.batch!), 'nothing to be flushed').to.equal(true)
    hideBatch(sending.conn, sending.batch!)
    expect(sending.names).to.deep.equal([])
  })

  it('keeps what came behind a batch that is taken out', () => {
    const sending = new Sending()
    sending.send(message('a'))
    sending.send(message('b'))
    const heartbeat = { name: 'ping' }
    sending.conn.writeBuffer!.push(heartbeat)
    expect(showsBatch(sending.conn, sending.batch!)).to.equal(true)
    hideBatch(sending.conn, sending.batch!)
    expect(sending.conn.writeBuffer).to.deep.equal([heartbeat])
  })

  it('shows a batch no more when it was flushed, whatever has come since', () => {
    const sending = new Sending()
    sending.send(message('a'))
    sending.send(message('b'))
    sending.conn.writeBuffer = []
    expect(showsBatch(sending.conn, sending.batch!)).to.equal(false)
    sending.conn.writeBuffer.push({ name: 'c' }, { name: 'd' }, { name: 'e' })
    expect(showsBatch(sending.conn, sending.batch!)).to.equal(false)
  })
})
