import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect } from 'chai'
import { MESSAGE_OUTCOMES, type MessageOutcome } from '../../lib/base/outcomes.ts'
import { KiB, MiB } from '../../lib/base/units.ts'
import { DIAGNOSTICS, type MessageDiagnosis } from '../../lib/telemetry/diagnostics.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { messages } from '../support/messages.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

describe('Diagnostics', () => {
  let fixture: Fixture
  const heard: Array<{ name: string; message: Record<string, unknown> }> = []
  const listen = (message: unknown, name: string | symbol) => {
    heard.push({ name: String(name), message: message as Record<string, unknown> })
  }
  const named = (name: string) => heard.filter((each) => each.name === name)

  beforeEach(() => {
    heard.length = 0
    for (const name of Object.keys(DIAGNOSTICS)) subscribe(name, listen)
  })
  afterEach(async () => {
    for (const name of Object.keys(DIAGNOSTICS)) unsubscribe(name, listen)
    await fixture.close()
  })

  it('may be answered with another message, which follows the one that is told of', async () => {
    fixture = await startServer({ messages, watermarks: BOUNDLESS })
    const { io } = fixture
    const client = await fixture.raw()
    await choke(fixture, client)
    for (let n = 1; n <= 3; n++) io.emit('jackpot:won', { n })
    let sent = 0
    const answer = (message: unknown) => {
      // the last that waits
      if ((message as MessageDiagnosis).event === 'jackpot:won' && ++sent === 3) {
        io.emit('jackpot:won', { n: 4 })
      }
    }
    subscribe('spillway:message:sent', answer)
    try {
      client.resume()
      await client.until(() => client.received('jackpot:won').length >= 4)
    } finally {
      unsubscribe('spillway:message:sent', answer)
    }
    const won = client.received<{ n: number }>('jackpot:won').map(({ n }) => n)
    expect(won).to.deep.equal([1, 2, 3, 4])
  })

  it('publish every outcome of a message as it is counted, and never its payload', async () => {
    const limits = {
      low: 4 * KiB,
      high: 8 * KiB,
      limit: 128 * MiB,
      emergency: 512 * MiB,
      horizon: 0,
    }
    fixture = await startServer({ messages, watermarks: limits })
    const { io, spillway } = fixture
    const client = await fixture.raw()
    io.emit('jackpot:won', { n: 1, pad: 'xyzzy' })
    io.emit('no:annotation', 'xyzzy')
    await choke(fixture, client)
    for (let n = 0; n < 10; n++) {
      io.emit('odds:now', { table: 'a', n, pad: 'xyzzy' })
      io.emit('reel:frame', { n, pad: 'xyzzy' })
    }
    client.close()
    await eventually(() => spillway!.stats().clients.connected === 0)
    const { classes } = spillway!.stats()
    for (const outcome of Object.keys(MESSAGE_OUTCOMES) as MessageOutcome[]) {
      const counted = classes.critical[outcome].messages + classes.cosmetic[outcome].messages
      const published = named(`spillway:message:${outcome}`)
      expect(published, outcome).to.have.length(counted)
      for (const { message } of published) expect(message).to.include({ outcome })
    }
    expect(named('spillway:message:dropped').length).to.be.greaterThan(0)
    const [sent] = named('spillway:message:sent').filter(
      ({ message }) => message.event === 'jackpot:won',
    )
    const { bytes, emittedAt, ...rest } = sent!.message as unknown as MessageDiagnosis
    expect(rest).to.deep.equal({
      client: (named('spillway:client:closed')[0]!.message as { id: string }).id,
      namespace: '/',
      event: 'jackpot:won',
      class: 'critical',
      outcome: 'sent',
    })
    expect([typeof bytes, typeof emittedAt]).to.deep.equal(['number', 'number'])
    expect(JSON.stringify(heard)).to.not.include('xyzzy')
    expect(named('spillway:client:congested')).to.have.length(1)
  })

  it('publish what observe would have shed, and who has caught up', async () => {
    fixture = await startServer({
      messages,
      mode: 'observe',
      watermarks: { low: KiB, high: 2 * KiB, horizon: 0 },
    })
    const client = await fixture.raw()
    client.stall()
    const observedSoFar = () => fixture.spillway!.stats().classes.cosmetic.observed.messages
    await eventually(() => {
      fixture.io.emit('reel:frame', { n: 1, pad: 'x'.repeat(16 * KiB) })
      return observedSoFar() > 5
    })
    const observed = observedSoFar()
    expect(named('spillway:message:observed')).to.have.length(observed)
    client.resume()
    await eventually(() => {
      fixture.io.emit('jackpot:won', { n: 1 })
      return named('spillway:client:recovered').length > 0
    })
  })
})
