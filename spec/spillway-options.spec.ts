import { expect } from 'chai'
import type { z } from 'zod'
import { optionPaths } from '../docs/generate.ts'
import { documented, optionTypes } from '../docs/option-docs.ts'
import type { SpillwayPluginOptions } from '../lib/plugin-options.ts'
import type { SpillwayOptions } from '../lib/spillway-options.ts'
import { attachOptions } from '../schemas/options.ts'
import { pluginOptions } from '../schemas/plugin-options.ts'
import { factsOf } from '../schemas/refusal.ts'

/** Options that Fastify has of each plugin, with types of its own. */
const OF_FASTIFY = ['prefix', 'logLevel', 'logSerializers'] as const

describe('Option types', () => {
  it('have the docstrings that `npm run docs` makes of the schemas', () => {
    for (const { path, is, due } of optionTypes()) expect(is, path).to.equal(due)
  })

  it('have the members of the schemas', () => {
    const [core, plugin] = optionTypes()
    expect(core!.members).to.have.members(optionPaths(attachOptions))
    expect([...core!.members, ...plugin!.members, ...OF_FASTIFY]).to.have.members(
      optionPaths(pluginOptions),
    )
  })

  it('have members of the types that the schemas take', () => {
    // compiled, not run: what a type takes its schema takes, and the schema's simple options the type
    const core = (options: SpillwayOptions): z.input<typeof attachOptions> => options
    const plugin = (options: SpillwayPluginOptions): z.input<typeof pluginOptions> => options
    type Simple = Omit<
      z.input<typeof attachOptions>,
      'messages' | 'namespaces' | 'onShed' | 'onClosed'
    >
    type Simply = { [Key in keyof Simple]: Simple[Key] }
    const simple = (options: Required<Simply>): Loose<SpillwayOptions> => options
    expect([core, plugin, simple]).to.have.length(3)
  })

  it('tell prose, range and default of each option, also of those in groups', () => {
    const before = [
      'export interface Example<',
      '> {',
      '  /** Old. */',
      '  watermarks?: {',
      '    low?: Bytes',
      '  }',
      '}',
    ]
    const { due } = documented(before.join('\n'), 'Example', factsOf(attachOptions))
    expect(due.split('\n')).to.deep.equal([
      'export interface Example<',
      '> {',
      '  /** What is buffered for one client, at which something happens to it. */',
      '  watermarks?: {',
      '    /**',
      '     * Bytes buffered for a client below which it is no longer congested.',
      '     *',
      '     * Allowed: 1 KiB to 1 GiB.',
      '     * Default: 64 KiB.',
      '     */',
      '    low?: Bytes',
      '  }',
      '}',
    ])
  })

  it('can have no member that is no option', () => {
    const before = 'export interface Example<\n> {\n  unknown?: number\n}'
    expect(() => documented(before, 'Example', factsOf(attachOptions))).to.throw('unknown')
  })
})

/** A type whose optional members may be undefined, as in a schema's input. */
type Loose<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends object
    ? { [Key in keyof T]?: Loose<T[Key]> | undefined }
    : T
