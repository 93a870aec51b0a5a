import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { type Project, packedProject } from '../package/packed.ts'
import { codeBlocks, pageAt } from '../support/markdown.ts'
import { freePort } from '../support/servers/free-port.ts'

const blocks = codeBlocks(pageAt('docs/getting-started.md'))

/** The commands of the page, in their order. */
const commands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ code }) => code.trim().split('\n'))

/** A program of the page, and what it has printed. */
class Program {
  readonly #process: ChildProcess
  output = ''

  constructor(cwd: string, args: readonly string[]) {
    this.#process = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
  }

  /** @throws Error if it ends before */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.output)
      if (found) return found
      if (this.#process.exitCode !== null) throw new Error(`it has ended: ${this.output}`)
      await sleep(50)
    }
  }

  async end(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.kill()) await once(this.#process, 'exit')
  }
}

describe('Getting started', function () {
  this.timeout(90_000)
  let project: Project
  const running: Program[] = []
  /** The ports of the page, and those that are free here. */
  const ports = new Map<string, string>()

  const here = (text: string) => text.replaceAll(/\b300[01]\b/g, (port) => ports.get(port)!)

  const start = (...args: string[]): Program => {
    const program = new Program(project.folder, args)
    running.push(program)
    return program
  }

  const answerOf = async (url: string): Promise<string> => {
    const response = await fetch(url)
    expect(response.status, url).to.equal(200)
    return response.text()
  }

  /** What a URL answers, as soon as it passes. */
  const answerThat = async (url: string, passes: (text: string) => boolean): Promise<string> => {
    for (;;) {
      const text = await answerOf(url)
      if (passes(text)) return text
      await sleep(200)
    }
  }

  before(async () => {
    project = await packedProject()
    for (const port of ['3000', '3001']) ports.set(port, String(await freePort()))
    for (const { language, code } of blocks.filter((block) => block.language === 'js')) {
      const [, name] = /^\/\/ (\S+\.mjs)\n/.exec(code) ?? []
      expect(name, `the first line of a block of ${language} names its file`).to.not.equal(
        undefined,
      )
      await project.write(name!, here(code))
    }
  })
  afterEach(async () => {
    for (const program of running.splice(0)) await program.end()
  })
  after(() => project.close())

  it('installs what its programs import', () => {
    const [install] = commands.filter((command) => command.startsWith('npm install '))
    const names = install!.split(' ').slice(2)
    for (const name of names) {
      expect(existsSync(join(project.folder, 'node_modules', name)), name).to.equal(true)
    }
    const imported = blocks.flatMap(({ code }) => [...code.matchAll(/ from '((?!node:)[^']+)'/g)])
    expect(names).to.include.members(imported.map(([, name]) => name!))
  })

  it('shows a slow client that gets the wins, and loses frames', async () => {
    const asked = commands.filter((command) => /^(node|curl) /.test(command)).map(here)
    expect(asked.map((command) => command.split(' ')[0])).to.deep.equal([
      ...['node', 'node', 'node', 'node'],
      ...['curl', 'curl'],
    ])
    const [server, fast, link, slow, losing, metrics] = asked.map((each) =>
      each.split(' ').slice(1),
    )

    const [, dashboard] = await start(...server!).prints(/Dashboard: (\S+)/)
    expect(await answerOf(dashboard!)).to.include('<title>')
    await start(...fast!).prints(/(jackpot after \d+ ms, and \d+ frames\n){2}/)
    start(...link!)
    const behind = start(...slow!)
    await behind.prints(/(jackpot after \d+ ms, and \d+ frames\n){2}/)

    const answer = await answerThat(losing![0]!, (text) => JSON.parse(text).total > 0)
    const { clients } = JSON.parse(answer) as { clients: Array<Record<string, unknown>> }
    expect(clients).to.have.length(1)
    expect(clients[0]).to.include({ losing: true })
    expect(await answerOf(metrics![0]!)).to.match(
      /^spillway_messages_total\{.*event="reel:frame".*outcome="(dropped|expired)".*\} [1-9]/m,
    )
  })

  it("counts in `mode: 'observe'` what would have been shed, and sheds nothing", async () => {
    const { code } = blocks.find((block) => block.code.startsWith('// server.mjs'))!
    const observing = here(code).replace('{ messages, ', "{ messages, mode: 'observe', ")
    await project.write('observing.mjs', observing)
    await start('observing.mjs').prints(/Dashboard/)
    start('slow-link.mjs')
    start('client.mjs', here('http://127.0.0.1:3001'))
    interface Stats {
      readonly mode: string
      readonly classes: {
        readonly cosmetic: Readonly<Record<string, { readonly messages: number }>>
      }
    }
    const text = await answerThat(
      here('http://127.0.0.1:3000/spillway'),
      (each) => (JSON.parse(each) as Stats).classes.cosmetic.observed!.messages > 0,
    )
    const { mode, classes } = JSON.parse(text) as Stats
    expect(mode).to.equal('observe')
    expect(classes.cosmetic.dropped!.messages + classes.cosmetic.expired!.messages).to.equal(0)
  })
})
