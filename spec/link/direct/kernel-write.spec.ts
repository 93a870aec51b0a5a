import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { type WriteOwner, writeToKernel } from '../../../lib/link/direct/kernel-write.ts'
import type { KernelSocket } from '../../../lib/socketio/kernel-socket.ts'

/** Both ends of a connection. */
async function pair() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ]
  const received: Buffer[] = []
  near.on('data', (bytes: Buffer) => received.push(bytes))
  near.on('error', () => {})
  return {
    socket: far as Socket & KernelSocket,
    near,
    received: () => Buffer.concat(received),
    close() {
      far.destroy()
      near.destroy()
      server.close()
    },
  }
}

const nobody: WriteOwner = { taken: () => expect.fail('nothing was pending') }

describe('What a request of Node is', () => {
  /** As in a process that has not written yet. */
  const fresh = async () => {
    const url = new URL('../../../lib/link/direct/kernel-write.ts', import.meta.url)
    url.search = `${Math.random()}`
    const module = (await import(url.href)) as { writeToKernel: typeof writeToKernel }
    return module.writeToKernel
  }

  it('is known after the first write of one buffer, whatever comes before it', async () => {
    const write = await fresh()
    const [first, second] = [await pair(), await pair()]
    expect(write(first.socket, Buffer.of(1), nobody)).to.equal('refused')
    // leaves as one write of two buffers, and nothing follows
    first.socket.cork()
    first.socket.write(Buffer.of(1))
    first.socket.write(Buffer.of(2))
    first.socket.uncork()
    first.socket.end()
    await once(first.near, 'end')
    expect(write(second.socket, Buffer.of(1), nobody)).to.equal('refused')
    second.socket.write(Buffer.of(1))
    expect(write(second.socket, Buffer.of(2), nobody)).to.equal('taken')
    while (second.received().length < 2) await once(second.near, 'data')
    expect([...second.received()]).to.deep.equal([1, 2])
    for (const ends of [first, second]) ends.close()
  })

  it('is learned once: sockets that were watched meanwhile are left as they were', async () => {
    const write = await fresh()
    const all = await Promise.all([pair(), pair()])
    for (const { socket } of all) write(socket, Buffer.of(0), nobody)
    for (const { socket } of all) {
      socket.write(Buffer.of(1))
      expect(write(socket, Buffer.of(2), nobody)).to.equal('taken')
      expect(Object.hasOwn(socket._handle!, 'writeBuffer')).to.equal(false)
    }
    for (const ends of all) ends.close()
  })
})

describe('writeToKernel', () => {
  let ends: Awaited<ReturnType<typeof pair>>
  let before: number

  beforeEach(async () => {
    ends = await pair()
    // the first write of a process shows what a request of Node is
    writeToKernel(ends.socket, Buffer.of(0), nobody)
    ends.socket.write(Buffer.of(0))
    before = ends.socket.bytesWritten
  })

  afterEach(() => ends.close())

  const arrived = async (bytes: number) => {
    while (ends.received().length < before + bytes) await once(ends.near, 'data')
    return ends.received().subarray(before)
  }

  it('keeps the order with what goes through the stream', async () => {
    const { socket } = ends
    for (let n = 1; n < 100; n += 2) {
      expect(writeToKernel(socket, Buffer.of(n), nobody)).to.equal('taken')
      socket.write(Buffer.of(n + 1))
    }
    expect([...(await arrived(100))]).to.deep.equal(Array.from({ length: 100 }, (_, n) => n + 1))
    expect(socket.bytesWritten).to.equal(before + 100)
  })

  it('tells when the kernel has taken what it did not take at once', async () => {
    const { socket, near } = ends
    const taken: number[] = []
    const owner: WriteOwner = { taken: (bytes) => taken.push(bytes) }
    near.pause()
    let written = 0
    let pending = 0
    while (pending < 3) {
      const bytes = Buffer.alloc(1_000_000 + pending, pending + 1)
      written += bytes.length
      if (writeToKernel(socket, bytes, owner) === 'pending') pending++
      expect(written).to.be.below(100_000_000)
    }
    socket.write(Buffer.of(99))
    expect(taken).to.deep.equal([])
    // the stream has something of its own now
    expect(writeToKernel(socket, Buffer.of(98), nobody)).to.equal('refused')
    near.resume()
    const all = await arrived(written + 1)
    expect(all.at(-1)).to.equal(99)
    expect(all.at(-2)).to.equal(3)
    expect(taken).to.deep.equal([1_000_000, 1_000_001, 1_000_002])
    expect(writeToKernel(socket, Buffer.of(100), nobody)).to.equal('taken')
  })

  it('leaves it to the stream when that is corked, or would be put off its timeout', () => {
    const { socket } = ends
    socket.cork()
    expect(writeToKernel(socket, Buffer.of(1), nobody)).to.equal('refused')
    socket.uncork()
    socket.setTimeout(60_000)
    expect(writeToKernel(socket, Buffer.of(1), nobody)).to.equal('refused')
    socket.setTimeout(0)
    expect(writeToKernel(socket, Buffer.of(1), nobody)).to.equal('taken')
  })

  it('ends the socket as the stream would when the connection was reset', async () => {
    const { socket, near } = ends
    const failed = once(socket, 'error')
    near.resetAndDestroy()
    await once(near, 'close')
    while (!socket.destroyed) {
      writeToKernel(socket, Buffer.alloc(100), nobody)
      await turn()
    }
    const [error] = await failed
    expect(error).to.have.property('syscall', 'write')
    expect(['EPIPE', 'ECONNRESET']).to.include(error.code)
  })

  it('leaves alone what is pending when the socket is destroyed', async () => {
    const { socket, near } = ends
    let taken = 0
    near.pause()
    const owner: WriteOwner = { taken: () => taken++ }
    let written = 0
    while (writeToKernel(socket, Buffer.alloc(1_000_000), owner) !== 'pending') {
      expect(written++).to.be.below(100)
    }
    socket.destroy()
    await once(socket, 'close')
    expect(taken).to.equal(1)
    expect(writeToKernel(socket, Buffer.of(1), nobody)).to.equal('refused')
  })

  it('is told once of a write that a reader took while it was written', async () => {
    // on a Unix socket a reader in another thread makes room in the middle of a write
    const path = join(await mkdtemp(join(tmpdir(), 'spillway-')), 'socket')
    const server = createServer().listen(path)
    await once(server, 'listening')
    const reader = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       let bytes = 0
       require('node:net').connect(workerData)
         .on('data', (chunk) => { bytes += chunk.length })
         .on('end', () => parentPort.postMessage(bytes))`,
      { eval: true, workerData: path },
    )
    const [socket] = (await once(server, 'connection')) as [Socket & KernelSocket]
    let told = 0
    const waiting: Array<() => void> = []
    const owner: WriteOwner = {
      taken: (bytes) => {
        told += bytes
        waiting.shift()?.()
      },
    }
    let pending = 0
    let sent = 0
    for (let n = 0; n < 300; n++) {
      const bytes = Buffer.alloc(1 + ((n * 7919) % 250_000))
      sent += bytes.length
      if (writeToKernel(socket, bytes, owner) !== 'pending') continue
      pending += bytes.length
      if (told < pending) await new Promise<void>((resolve) => waiting.push(resolve))
    }
    const received = once(reader, 'message')
    socket.end()
    expect(await received).to.deep.equal([sent])
    expect(pending).to.be.greaterThan(0)
    expect(told).to.equal(pending)
    await reader.terminate()
    server.close()
    await rm(dirname(path), { recursive: true })
  })

  describe('by what Node is like', () => {
    /** The module as in a process that has written nothing yet. */
    let fresh: typeof import('../../../lib/link/direct/kernel-write.ts').writeToKernel
    let loaded = 0

    beforeEach(async () => {
      const module = `../../../lib/link/direct/kernel-write.ts?fresh=${loaded++}`
      fresh = (await import(module)).writeToKernel
    })

    /** A socket whose stream writes as Node does, to a handle that answers with `results`. */
    function fakeSocket(request: unknown, results: unknown[]) {
      const written: number[] = []
      const errors: unknown[] = []
      const handle = Object.create({
        writeBuffer(_request: unknown, bytes: Uint8Array) {
          written.push(bytes[0]!)
          return results.shift()
        },
      })
      const socket = {
        _handle: handle,
        destroyed: false,
        writableLength: 0,
        writableCorked: 0,
        write: (bytes: Uint8Array) => handle.writeBuffer(request, bytes),
        cork() {},
        uncork() {},
        destroy: (error: unknown) => errors.push(error),
      }
      return { socket, written, errors }
    }

    it('takes the request from a Node that makes it', () => {
      const requests = [7, -1].map((id) => ({ getAsyncId: () => id, writeStatus: null }))
      const early = { getAsyncId: () => -1, writeStatus: 0 }
      const results = [0, 0, requests[0], early, requests[1], -32]
      const { socket, errors, written } = fakeSocket(null, results)
      expect(fresh(socket, Buffer.of(1), nobody)).to.equal('refused')
      socket.write(Buffer.of(1))
      expect(fresh(socket, Buffer.of(2), nobody)).to.equal('taken')
      const taken: number[] = []
      const owner: WriteOwner = { taken: (bytes) => taken.push(bytes) }
      expect(fresh(socket, Buffer.of(3, 3, 3), owner)).to.equal('pending')
      expect(fresh(socket, Buffer.of(4), nobody)).to.equal('taken')
      expect(errors).to.deep.equal([])
      Reflect.apply(Reflect.get(requests[0]!, 'oncomplete'), requests[0], [0])
      expect(taken).to.deep.equal([3])
      // refused by libuv, then by the kernel
      for (const n of [5, 6]) expect(fresh(socket, Buffer.of(n), nobody)).to.equal('taken')
      expect(errors).to.have.length(2)
      for (const error of errors) expect(error).to.include({ code: 'EPIPE', syscall: 'write' })
      expect(written).to.deep.equal([1, 2, 3, 4, 5, 6])
    })

    const UNKNOWN: ReadonlyArray<[what: string, request: unknown, result: unknown]> = [
      ['no request and returns nothing', null, undefined],
      ['something else', undefined, 0],
      ['a request of another class', { oncomplete() {}, getAsyncId: () => -1 }, 0],
    ]
    for (const [what, request, result] of UNKNOWN) {
      it(`leaves it to the stream of a Node that writes with ${what}`, () => {
        const { socket, written } = fakeSocket(request, [result, result])
        expect(fresh(socket, Buffer.of(1), nobody)).to.equal('refused')
        socket.write(Buffer.of(1))
        for (let n = 2; n < 5; n++) {
          expect(fresh(socket, Buffer.of(n), nobody)).to.equal('refused')
        }
        expect(written).to.deep.equal([1])
      })
    }
  })
})
