import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import Fastify from 'fastify'
import { parse } from 'yaml'
import type { z } from 'zod'
import { adminRoutes } from '../lib/admin/routes.ts'
import { ERRORS } from '../lib/base/errors.ts'
import { CLOSINGS, MESSAGE_OUTCOMES } from '../lib/base/outcomes.ts'
import { METRICS } from '../lib/metrics/catalogue.ts'
import type { Spillway } from '../lib/spillway.ts'
import { DIAGNOSTICS } from '../lib/telemetry/diagnostics.ts'
import { attachOptions } from '../schemas/options.ts'
import { pluginOptions } from '../schemas/plugin-options.ts'
import { cosmeticOptions } from '../schemas/priority.ts'
import { type Facts, factsOf } from '../schemas/refusal.ts'
import { FLOORS, GUARDED, NEVER, PACKAGES, ROLES } from '../spec/support/import-rules.ts'
import { optionTypes } from './option-docs.ts'
import { allowed, defaultOf } from './option-words.ts'

/**
 * Writes the tables of the pages in docs/, and the docstrings of the option types,
 * from the schemas: `npm run docs`.
 */

const root = fileURLToPath(new URL('..', import.meta.url))

/** A table by the name in its markers, `<!-- name:start -->` and `<!-- name:end -->`. */
export async function sections(): Promise<Record<string, string>> {
  return {
    options: optionTable(pluginOptions, attachOptions),
    annotations: optionTable(cosmeticOptions),
    outcomes: table(
      ['Outcome', 'What became of the message'],
      Object.entries(MESSAGE_OUTCOMES).map(([code, meaning]) => [`\`${code}\``, meaning]),
    ),
    closings: table(
      ['Code', 'Why the client was closed', 'What the client sees', 'Log level'],
      Object.entries(CLOSINGS).map(([code, { reason, client, level }]) => [
        `\`${code}\``,
        reason,
        client,
        level,
      ]),
    ),
    routes: await routeTable(),
    metrics: table(
      ['Metric', 'Type', 'Labels', 'What it tells'],
      Object.entries(METRICS).map(([name, { type, labels, help }]) => [
        `\`${name}\``,
        type,
        labels.map((label) => `\`${label}\``).join(', '),
        help,
      ]),
    ),
    alerts: table(
      ['Alert', 'Severity', 'After', 'What it says', 'What to do'],
      alerts().map(({ alert, for: time, labels, annotations }) => [
        `\`${alert}\``,
        labels.severity,
        time === '0m' ? 'at once' : time,
        wordsOf(annotations.summary),
        annotations.description,
      ]),
    ),
    diagnostics: table(
      ['Channel', 'Published when'],
      Object.entries(DIAGNOSTICS).map(([name, when]) => [`\`${name}\``, when]),
    ),
    errors: table(
      ['Code', 'What is refused'],
      Object.entries(ERRORS).map(([code, meaning]) => [`\`${code}\``, meaning]),
    ),
    folders: table(
      ['Nr', 'Folder or file', 'What it is'],
      FLOORS.flatMap((floor, index) =>
        floor.map((name) => [`${index + 1}`, quoted(name), ROLES[name]!]),
      ),
    ),
    importers: table(
      ['Folder, file or package', 'Is imported by these alone'],
      Object.entries({ ...GUARDED, ...PACKAGES }).map(([name, importers]) => [
        quoted(name),
        Object.entries(importers)
          .map(([each, kind]) => `${quoted(each)}${kind === 'type' ? ' (types)' : ''}`)
          .join(', '),
      ]),
    ),
    forbidden: table(
      ['Folder or file', 'Never imports', 'Why'],
      NEVER.map(({ from, to, why }) => [
        from.map(quoted).join(', '),
        to.map(quoted).join(', '),
        why,
      ]),
    ),
  }
}

/** A folder, or a file with its suffix. */
function quoted(name: string): string {
  return existsSync(join(root, `${name}.ts`)) ? `\`${name}.ts\`` : `\`${name}\``
}

/** The pages that have markers, as they are and as they are to be. */
export async function pages(): Promise<Array<{ path: string; is: string; due: string }>> {
  const tables = await sections()
  const paths = [...markdownIn('.'), ...markdownIn('docs')]
  const found = paths.map((path) => {
    const is = readFileSync(join(root, path), 'utf8')
    return { path, is, due: fill(is, tables) }
  })
  const all = found.map(({ is }) => is).join('')
  const missing = Object.keys(tables).filter((name) => !all.includes(`<!-- ${name}:start -->`))
  if (missing.length > 0) throw new Error(`no page has the markers of ${missing.join(', ')}`)
  return found.filter(({ is }) => is.includes(':start -->'))
}

interface Alert {
  readonly alert: string
  readonly for: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

function alerts(): Alert[] {
  const file = parse(readFileSync(join(root, 'docs/alerts.yml'), 'utf8')) as {
    groups: Array<{ rules: Alert[] }>
  }
  return file.groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined)
}

/** A summary without its templates. */
function wordsOf(summary: string): string {
  return summary
    .replace('{{ $labels.instance }}: ', '')
    .replace(/\{\{ \$labels\.(\w+) \}\}/g, '($1)')
    .replace(/\{\{ \$value[^}]*\}\}/g, 'N ')
    .replaceAll(/ +/g, ' ')
}

/** Every option by its path, those of options that are objects too. */
export function optionPaths(schema: z.ZodType): string[] {
  return [...optionsOf(factsOf(schema))].map(({ path }) => path)
}

function markdownIn(folder: string): string[] {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.md'))
  return names.map((name) => join(folder, name))
}

function fill(page: string, tables: Readonly<Record<string, string>>): string {
  return page.replace(/<!-- (\w+):start -->[\s\S]*?<!-- \1:end -->/g, (whole, name: string) =>
    tables[name] === undefined
      ? whole
      : `<!-- ${name}:start -->\n${tables[name]}\n<!-- ${name}:end -->`,
  )
}

/** With the cells of a column as wide as each other, as the formatter wants it. */
function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)))
  const rule = widths.map((width) => '-'.repeat(width))
  return [cells[0]!, rule, ...cells.slice(1)]
    .map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`)
    .join('\n')
}

/** @param core options that need no plugin; the others are marked */
function optionTable(schema: z.ZodType, core?: z.ZodObject): string {
  const rows = [...optionsOf(factsOf(schema))].map(({ path, facts, required }) => {
    const isCore = core === undefined || path.split('.')[0]! in core.shape
    return [
      `\`${path}\``,
      required ? 'required' : defaultOf(facts),
      facts.properties ? 'an object' : allowed(facts),
      `${isCore ? '' : 'Plugin only. '}${facts.description ?? ''}`,
    ]
  })
  return table(['Option', 'Default', 'Allowed', 'What it does'], rows)
}

interface Option {
  readonly path: string
  readonly facts: Facts
  readonly required: boolean
}

function* optionsOf(facts: Facts, parent = ''): Generator<Option> {
  for (const [name, inner] of Object.entries(facts.properties ?? {})) {
    const path = `${parent}${name}`
    yield { path, facts: inner, required: facts.required?.includes(name) ?? false }
    yield* optionsOf(inner, `${path}.`)
  }
}

interface RouteSchema {
  readonly description: string
  readonly querystring?: object
  readonly body?: object
  readonly response: Readonly<Record<string, unknown>>
}

async function routeTable(): Promise<string> {
  const app = Fastify()
  // so that all are described that there may be
  app.decorate('rateLimit', () => async () => {})
  const hook = async () => {}
  const routes: Array<[route: string, schema: RouteSchema]> = []
  app.addHook('onRoute', ({ method, url, schema }) => {
    // what is hidden is the dashboard, which is no question
    if (method === 'HEAD' || url.endsWith('/') || Reflect.get(schema ?? {}, 'hide')) return
    routes.push([`\`${method} ${url.slice(1)}\``, schema as unknown as RouteSchema])
  })
  const spillway = {} as Spillway // asked for nothing, since nothing is requested
  await app.register(adminRoutes, {
    closed: new AbortController().signal,
    prefix: '/{prefix}',
    auth: [hook],
    changeAuth: [hook],
    ui: true,
    rateLimit: 1,
    spillway,
    metrics: { contentType: '', metrics: async () => '' },
  })
  await app.ready()
  await app.close()
  const rows = routes.map(([route, { description, querystring, body, response }]) => {
    const asked = [querystring, body].flatMap((schema) =>
      schema ? [...optionsOf(factsIn(schema))] : [],
    )
    const query = asked.map(({ path, facts }) => {
      const value = facts.default === undefined ? '' : `, default ${defaultOf(facts)}`
      return `\`${path}\`: ${allowed(facts)}${value}`
    })
    return [route, description, query.join('; '), Object.keys(response).join(', ')]
  })
  return table(['Route', 'What it does', 'Query or body', 'Status'], rows)
}

/** The JSON schema of a route, whose keywords of our own begin with x-. */
function factsIn(json: object): Facts {
  return JSON.parse(JSON.stringify(json).replaceAll(/"x-(unit|allowed)":/g, '"$1":'))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const { path, is, due } of [...(await pages()), ...optionTypes()]) {
    if (is !== due) writeFileSync(join(root, path), due)
  }
}
