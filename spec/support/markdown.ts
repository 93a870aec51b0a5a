import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

const root = new URL('../../', import.meta.url)

/** A page of the documentation, by its path from the root of the repository. */
export interface Page {
  readonly path: string
  readonly text: string
}

export interface CodeBlock {
  readonly page: string
  /** Of the line after the fence, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
}

export interface Link {
  readonly page: string
  /** A path from the root of the repository, or an address. */
  readonly target: string
  readonly anchor: string | undefined
}

export function markdownPages(): Page[] {
  return ['.', 'docs'].flatMap((folder) =>
    readdirSync(new URL(folder, root))
      .filter((name) => name.endsWith('.md'))
      .map((name) => pageAt(posix.join(folder, name))),
  )
}

export function pageAt(path: string): Page {
  return { path, text: readFileSync(new URL(path, root), 'utf8') }
}

export function codeBlocks({ path, text }: Page): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: { indent: number; language: string; line: number; code: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent, language] = /^( *)```(\w*)$/.exec(line) ?? []
    if (indent === undefined) open?.code.push(line.slice(open.indent))
    else if (open === undefined) {
      open = { indent: indent.length, language: language!, line: index + 2, code: [] }
    } else {
      const code = `${open.code.join('\n')}\n`
      blocks.push({ page: path, line: open.line, language: open.language, code })
      open = undefined
    }
  }
  return blocks
}

/** Links and pictures, outside code. */
export function linksOf({ path, text }: Page): Link[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, given]) => {
    const [target, anchor] = given!.split('#')
    if (/^https?:/.test(target!)) return { page: path, target: given!, anchor: undefined }
    const from = posix.dirname(path)
    return { page: path, target: target === '' ? path : posix.join(from, target!), anchor }
  })
}

/** The anchors of the headings, as GitHub makes them. */
export function anchorsOf({ text }: Page): string[] {
  const headings = [...withoutCode(text, false).matchAll(/^#+ (.+)$/gm)]
  return headings.map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function withoutCode(text: string, spans = true): string {
  const blocks = text.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, '')
  return spans ? blocks.replaceAll(/`[^`\n]*`/g, '') : blocks
}
