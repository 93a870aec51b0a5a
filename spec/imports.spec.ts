import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { FLOORS, GUARDED, NEVER, PACKAGES } from './support/import-rules.ts'
import { filesIn, type Import, importsOf, root } from './support/imports.ts'

/** A file, or all files in and below a folder. */
const ROOMS = FLOORS.flat()

const files = filesIn('lib', 'schemas')
const imports = files.flatMap(importsOf)

/** Whether a file is a room, or stands in it. */
function isIn(file: string, room: string): boolean {
  return file === room || file.startsWith(`${room}/`)
}

function floorOf(file: string): number {
  return FLOORS.findIndex((rooms) => rooms.some((room) => isIn(file, room)))
}

function roomOf(file: string): string | undefined {
  return ROOMS.find((room) => isIn(file, room))
}

function allowedIn(
  { from, kind }: Import,
  importers: Readonly<Record<string, 'value' | 'type'>>,
): boolean {
  return Object.entries(importers).some(
    ([pattern, allowed]) => isIn(from, pattern) && (allowed === 'value' || kind === 'type'),
  )
}

const said = ({ from, to, kind }: Import) => `${from} > ${to} (${kind})`

/** Everything that is loaded with a file. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const each of imports) {
    if (each.from === file && each.kind === 'value') loadedWith(each.to, seen)
  }
  return seen
}

describe('Imports', () => {
  it('are all found: as many as there are lines that end in a module', () => {
    const lines = files.flatMap((file) =>
      readFileSync(join(root, `${file}.ts`), 'utf8')
        .split('\n')
        .filter((line) => /(^(import|export)\b.*|^\}) from '[^']+'$|\bimport\('/.test(line)),
    )
    expect(imports).to.have.length(lines.length)
    expect(imports.length).to.be.greaterThan(80)
  })

  it('are of files that have a room', () => {
    expect(files.filter((file) => floorOf(file) < 0)).to.deep.equal([])
    expect(ROOMS.filter((room) => !files.some((file) => isIn(file, room)))).to.deep.equal([])
  })

  it('run one way', () => {
    const wrong = imports.filter(({ from, to }) => {
      if (!files.includes(to) || roomOf(from) === roomOf(to)) return false
      return floorOf(to) >= floorOf(from)
    })
    expect(wrong.map(said)).to.deep.equal([])
  })

  for (const { from, to, why } of NEVER) {
    it(`of ${to.join(', ')} are nowhere in ${from.join(', ')}: ${why}`, () => {
      const wrong = imports.filter((each) => {
        return from.some((room) => isIn(each.from, room)) && to.some((room) => isIn(each.to, room))
      })
      expect(wrong.map(said)).to.deep.equal([])
    })
  }

  it('make no circle of what is loaded', () => {
    const circles = imports.filter(
      ({ from, to, kind }) => kind === 'value' && loadedWith(to).has(from),
    )
    expect(circles.map(said)).to.deep.equal([])
  })

  for (const [room, importers] of Object.entries(GUARDED)) {
    it(`of ${room} are in ${Object.keys(importers).join(', ')} only`, () => {
      const all = imports.filter(({ from, to }) => isIn(to, room) && !isIn(from, room))
      expect(all).to.not.deep.equal([])
      expect(all.filter((each) => !allowedIn(each, importers)).map(said)).to.deep.equal([])
    })
  }

  it('of packages are where they belong', () => {
    const wrong = imports.filter((each) => {
      if (files.includes(each.to) || each.to.startsWith('node:')) return false
      return !allowedIn(each, PACKAGES[each.to] ?? {})
    })
    expect(wrong.map(said)).to.deep.equal([])
  })

  it('are of packages that the package declares', () => {
    const { dependencies, peerDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    )
    const packages = imports
      .map(({ to }) => to)
      .filter((to) => !/^(node:|lib\/|schemas\/)/.test(to))
    const declared = Object.keys({ ...dependencies, ...peerDependencies })
    expect(declared).to.include.members([...new Set(packages)])
  })

  it('of timers and clocks are those of lib/base/timers: an application may fake the global ones', () => {
    const global =
      /(?<![\w#']|(?<!globalThis)\.)(?:(?:set|clear)(?:Timeout|Interval|Immediate)|queueMicrotask|performance|Date)\b(?!')|\bprocess\.(?:nextTick|hrtime|uptime)|'node:(?:timers|perf_hooks)/
    const server = files.filter((file) => file !== 'lib/base/timers' && !file.includes('/ui/'))
    const used = server.flatMap((file) =>
      readFileSync(join(root, `${file}.ts`), 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(?:\/?\*|\/\/)/.test(line) && global.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    )
    expect(used).to.deep.equal([])
  })

  it('of attach load no Fastify, which is an optional peer', () => {
    const loaded = [...loadedWith('lib/attach')].filter((each) => !files.includes(each))
    expect(loaded.filter((each) => !each.startsWith('node:'))).to.deep.equal(['zod'])
    const all = [...loadedWith('lib/index')].filter((each) => !files.includes(each))
    expect(all.filter((each) => /^fastify$/.test(each))).to.deep.equal([])
  })

  it('of what a page shares are zod alone', () => {
    const loaded = [...loadedWith('lib/message-schemas')].filter((each) => !files.includes(each))
    expect(loaded).to.deep.equal(['zod'])
  })
})

describe('Imports around the package', () => {
  /** From the bottom up: each imports from itself and from those before it. */
  const AROUND = [
    ['lib', 'schemas'],
    ['demo'],
    ['spec/support', 'docs'],
    ['spec'],
    ['bench/harness'],
    ['bench'],
  ]
  const floors = AROUND.flat()
  const around = filesIn('demo', 'spec', 'docs', 'bench')
  const theirs = around.flatMap(importsOf)
  const floorOf = (file: string): number => {
    const room = floors.filter((each) => isIn(file, each)).sort((a, b) => b.length - a.length)[0]
    return AROUND.findIndex((rooms) => room !== undefined && rooms.includes(room))
  }

  it('run one way: bench, spec, spec/support, demo, lib', () => {
    const local = theirs.filter(({ to }) => floorOf(to) >= 0)
    expect(local.length).to.be.greaterThan(500)
    expect(local.filter(({ from, to }) => floorOf(to) > floorOf(from)).map(said)).to.deep.equal([])
  })

  it('of bench are from spec/support, but for the faults, which it runs', () => {
    const wrong = theirs.filter(
      ({ from, to }) =>
        isIn(from, 'bench') &&
        isIn(to, 'spec') &&
        !isIn(to, 'spec/support') &&
        !(isIn(from, 'bench/faults') && isIn(to, 'spec/faults')),
    )
    expect(wrong.map(said)).to.deep.equal([])
  })
})
