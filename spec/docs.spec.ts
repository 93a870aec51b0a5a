import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { optionPaths, pages, sections } from '../docs/generate.ts'
import { ERRORS } from '../lib/base/errors.ts'
import { CLOSING_CODES, MESSAGE_OUTCOMES } from '../lib/base/outcomes.ts'
import { METRICS } from '../lib/metrics/catalogue.ts'
import { attachOptions } from '../schemas/options.ts'
import { pluginOptions } from '../schemas/plugin-options.ts'
import { cosmeticOptions } from '../schemas/priority.ts'
import { markdownPages } from './support/markdown.ts'

describe('Docs', () => {
  it('are as `npm run docs` writes them', async () => {
    for (const { path, is, due } of await pages()) expect(is, path).to.equal(due)
  })

  it('have every table once', async () => {
    const text = (await pages()).map(({ is }) => is).join('\n')
    for (const name of Object.keys(await sections())) {
      for (const marker of [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`]) {
        expect(text.split(marker), marker).to.have.length(2)
      }
    }
  })

  it('name metrics that there are', () => {
    for (const { path, text } of markdownPages()) {
      for (const [, metric] of text.matchAll(/`(spillway_\w+)/g)) {
        expect(Object.keys(METRICS), path).to.include(metric)
      }
    }
  })

  it('name files and folders that there are', () => {
    const root = new URL('..', import.meta.url)
    for (const { path: page, text } of markdownPages()) {
      if (page === 'CHANGELOG.md') continue
      const paths = /`((?:lib|schemas|spec|docs|bench|demo|\.ci)\/[\w./-]*)`/g
      for (const [, path] of text.matchAll(paths)) {
        expect(existsSync(new URL(path!, root)), `${page}: ${path}`).to.equal(true)
      }
    }
  })

  it('have a glossary of at most 25 terms, each once', () => {
    const page = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8')
    const terms = [...page.matchAll(/^\| \*\*([^*]+)\*\* /gm)].flatMap(([, term]) =>
      term!.split(', '),
    )
    expect(new Set(terms)).to.have.property('size', terms.length)
    expect(page.match(/^\| \*\*/gm)).to.have.length.within(20, 25)
  })

  it('name every file that reads what is private to another package', () => {
    const root = new URL('..', import.meta.url)
    const page = readFileSync(new URL('docs/architecture.md', root), 'utf8')
    const files = readdirSync(new URL('lib', root), { recursive: true, encoding: 'utf8' })
    const touching = files
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `lib/${name.replaceAll('\\', '/')}`)
      .filter((path) => {
        const source = readFileSync(new URL(path, root), 'utf8')
        return /(?:\.|readonly |'|\{ )_(?!zod\b)[a-z]/.test(source)
      })
    expect(touching).to.have.length.above(10)
    for (const path of touching) expect(page, path).to.include(`| \`${path}\``)
  })

  it('promise against each attacker what a spec shows, and every hostile one is named', () => {
    const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
    const security = read('SECURITY.md')
    const named = [...security.matchAll(/`(spec\/[\w./-]+\.ts)`/g)].map(([, spec]) => spec!)
    for (const spec of named) {
      expect(existsSync(new URL(`../${spec}`, import.meta.url)), spec).to.equal(true)
    }
    const hostile = readdirSync(new URL('hostile', import.meta.url)).map(
      (name) => `spec/hostile/${name}`,
    )
    expect(named).to.include.members(hostile)
    for (const [, metric] of security.matchAll(/`(spillway_\w+)/g)) {
      expect(METRICS).to.have.property(metric!)
    }
  })

  /** The first cells of a table, without their quotes. */
  async function listedIn(name: string): Promise<string[]> {
    const rows = (await sections())[name]!.split('\n').slice(2)
    return rows.map((row) => /^\| `([^`]+)` +\|/.exec(row)?.[1] ?? row)
  }

  it('list every option, with its prose and its range', async () => {
    const listed = await listedIn('options')
    expect(listed).to.deep.equal(optionPaths(pluginOptions))
    expect(listed).to.include.members(optionPaths(attachOptions))
    expect(listed).to.include.members(['watermarks.emergency', 'admin.auth', 'io'])
    expect(await listedIn('annotations')).to.have.members(Object.keys(cosmeticOptions.shape))
    for (const name of ['options', 'annotations']) {
      for (const row of (await sections())[name]!.split('\n').slice(2)) {
        const [, , , allowed, prose] = row.split(/ *(?<!\\)\| ?/)
        expect(prose, row).to.match(/^[A-Z`].*\.$/)
        expect(allowed, row).to.match(/\S/).and.to.not.include('undefined')
      }
    }
  })

  it('list every outcome, closing, metric, alert, channel, route and error code', async () => {
    expect(await listedIn('outcomes')).to.have.members(Object.keys(MESSAGE_OUTCOMES))
    expect(await listedIn('closings')).to.have.members(CLOSING_CODES)
    expect(await listedIn('errors')).to.have.members(Object.keys(ERRORS))
    expect(await listedIn('metrics')).to.deep.equal(Object.keys(METRICS))
    expect(await listedIn('diagnostics')).to.have.members([
      ...Object.keys(MESSAGE_OUTCOMES).map((outcome) => `spillway:message:${outcome}`),
      'spillway:message:observed',
      'spillway:client:congested',
      'spillway:client:recovered',
      'spillway:client:closed',
      'spillway:client:refused',
    ])
    const rules = readFileSync(new URL('../docs/alerts.yml', import.meta.url), 'utf8')
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
    expect(alerts).to.not.deep.equal([])
    expect(await listedIn('alerts')).to.deep.equal(alerts)
    expect(await listedIn('routes')).to.deep.equal([
      'GET {prefix}',
      'GET {prefix}/clients',
      'GET {prefix}/clients/:id',
      'GET {prefix}/clients/:id/queue',
      'GET {prefix}/closed',
      'GET {prefix}/policy',
      'GET {prefix}/events',
      'GET {prefix}/metrics',
      'PATCH {prefix}/policy',
      'DELETE {prefix}/clients/:id',
    ])
  })

  it('show bytes in KiB and spans in milliseconds', async () => {
    const rows = (await sections()).options!.replaceAll(/ +\|/g, ' |')
    expect(rows).to.include('| `watermarks.low` | 64 KiB | 1 KiB to 1 GiB |')
    expect(rows).to.include('| `stallAfter` | 10000 ms | 100 ms to 3600000 ms |')
    expect(rows).to.include('| `admin.auth` | required |')
  })
})
