import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { attachOptions } from '../schemas/options.ts'
import { pluginOptions } from '../schemas/plugin-options.ts'
import { type Facts, factsOf } from '../schemas/refusal.ts'
import { allowed, defaultOf } from './option-words.ts'

/**
 * Writes the docstrings of the option types from the schemas, so that an editor shows each option's
 * prose, default and range.
 */

/** The interfaces whose members are options. */
const INTERFACES = [
  { path: 'lib/spillway-options.ts', name: 'SpillwayOptions', schema: attachOptions },
  { path: 'lib/plugin-options.ts', name: 'SpillwayPluginOptions', schema: pluginOptions },
] as const satisfies ReadonlyArray<{ path: string; name: string; schema: z.ZodType }>

export interface OptionType {
  readonly path: string
  readonly is: string
  readonly due: string
  /** Every member by its path, those of members that are objects too. */
  readonly members: readonly string[]
}

export function optionTypes(): OptionType[] {
  return INTERFACES.map(({ path, name, schema }) => {
    const is = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
    return { path, is, ...documented(is, name, factsOf(schema)) }
  })
}

/** @throws Error if a member of the interface is no option of the schema */
export function documented(
  source: string,
  name: string,
  facts: Facts,
): Pick<OptionType, 'due' | 'members'> {
  const lines = source.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`export interface ${name}<`))
  const end = lines.indexOf('}', start)
  const members: string[] = []
  const out: string[] = []
  const parents: string[] = []
  let inDocstring = false
  for (const line of lines.slice(start, end)) {
    const [, indent, key, rest] = /^( {2,})(\w+)\??: (.*)$/.exec(line) ?? []
    if (key === undefined) {
      inDocstring ||= /^ +\/\*\*/.test(line)
      if (!inDocstring) out.push(line)
      if (line.endsWith('*/')) inDocstring = false
      if (/^ {2,}\}$/.test(line)) parents.pop()
      continue
    }
    const path = [...parents, key].join('.')
    members.push(path)
    out.push(...docstring(factAt(facts, path), indent!), line)
    if (rest === '{') parents.push(key)
  }
  const due = [...lines.slice(0, start), ...out, ...lines.slice(end)].join('\n')
  return { due, members }
}

function factAt(facts: Facts, path: string): Facts {
  const found = path
    .split('.')
    .reduce<Facts | undefined>((inner, key) => inner?.properties?.[key], facts)
  if (!found?.description) throw new Error(`the schema has no option ${path} with prose`)
  return found
}

function docstring(facts: Facts, indent: string): string[] {
  const prose = wrapped(facts.description!)
  const value = defaultOf(facts)
  const tags = facts.properties ? [] : wrapped(`Allowed: ${allowed(facts)}.`)
  if (value !== '') tags.push(`Default: ${value}.`)
  const lines = tags.length > 0 ? [...prose, '', ...tags] : prose
  if (lines.length === 1) return [`${indent}/** ${lines[0]} */`]
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`]
}

/** Lines of words, each as long as the formatter lets code be. */
function wrapped(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= WIDTH)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

const WIDTH = 92
