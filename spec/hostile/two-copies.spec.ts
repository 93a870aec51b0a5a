import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Server } from 'socket.io'
import * as first from '../../lib/attach.ts'
import { startServer } from '../support/servers/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What others may hand on in place of the server. */
const WRAPPERS: Readonly<Record<string, (io: Server) => Server>> = {
  'a proxy': (io) => new Proxy(io, {}),
  'an object that inherits from it': (io) => Object.create(io),
  'an object that inherits from a proxy': (io) => Object.create(new Proxy(io, {})),
}

describe('Two copies of the package', () => {
  let second: typeof first
  let copy: string

  before(async () => {
    // as one nested in node_modules
    copy = await mkdtemp(join(tmpdir(), 'spillway-copy-'))
    for (const folder of ['lib', 'schemas']) {
      await cp(join(root, folder), join(copy, folder), { recursive: true })
    }
    await cp(join(root, 'package.json'), join(copy, 'package.json'))
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
    second = await import(join(copy, 'lib/attach.ts'))
    expect(second.attach).to.not.equal(first.attach)
  })

  after(() => rm(copy, { recursive: true }))

  it('do not both attach one server, and the first goes on working', async () => {
    const fixture = await startServer()
    try {
      const client = await fixture.raw()
      expect(() => second.attach(fixture.io))
        .to.throw()
        .that.includes({
          code: 'SPILLWAY_ALREADY_ATTACHED',
        })
      fixture.io.emit('n', 1)
      await client.until(() => client.events.includes('n'))
      expect(fixture.spillway!.stats().classes.critical.sent.messages).to.be.greaterThan(0)
    } finally {
      await fixture.close()
    }
  })

  for (const [name, wrap] of Object.entries(WRAPPERS)) {
    it(`do not both attach one server, one of them through ${name}`, () => {
      for (const [one, other] of [
        [(io: Server) => io, wrap],
        [wrap, wrap],
      ] as const) {
        const io = new Server()
        const { encode } = io.encoder
        const handle = first.attach(one(io))
        for (const { attach } of [first, second]) {
          expect(() => attach(other(io)))
            .to.throw()
            .that.includes({ code: 'SPILLWAY_ALREADY_ATTACHED' })
        }
        handle.close()
        expect(io.encoder.encode).to.equal(encode)
        second.attach(other(io)).close()
      }
    })
  }

  it('attach one after the other, each when the one before has closed', () => {
    const io = new Server()
    const before = Reflect.ownKeys(io)
    const handle = first.attach(io)
    handle.close()
    const other = second.attach(io)
    expect(() => first.attach(io)).to.throw()
    // once more: no hook of the other may go
    handle.close()
    expect(() => first.attach(io)).to.throw()
    other.close()
    first.attach(io).close()
    expect(Reflect.ownKeys(io)).to.deep.equal(before)
  })
})
