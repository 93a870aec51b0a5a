import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { anchorsOf, linksOf, markdownPages, pageAt } from '../support/markdown.ts'

const root = new URL('../../', import.meta.url)

describe('Links of the documentation', () => {
  for (const page of markdownPages()) {
    it(`lead somewhere: ${page.path}`, () => {
      for (const { target, anchor } of linksOf(page)) {
        if (/^https?:/.test(target)) {
          expect(URL.canParse(target), target).to.equal(true)
          continue
        }
        expect(existsSync(new URL(target, root)), target).to.equal(true)
        if (anchor !== undefined) {
          expect(anchorsOf(pageAt(target)), `${target}#${anchor}`).to.include(anchor)
        }
      }
    })
  }

  it('lead from the index, and from the README, to every page', () => {
    const docs = markdownPages().map(({ path }) => path)
    const pages = docs.filter((path) => path.startsWith('docs/') && path !== 'docs/README.md')
    const targetsOf = (path: string) => linksOf(pageAt(path)).map(({ target }) => target)
    expect(targetsOf('docs/README.md')).to.include.members(pages)
    const forUsers = pages.filter((path) => path !== 'docs/architecture.md')
    expect(targetsOf('README.md')).to.include.members([...forUsers, 'docs/README.md'])
  })
})

describe('README', () => {
  it('is read in five minutes: 12 KB at most', () => {
    expect(Buffer.byteLength(pageAt('README.md').text)).to.be.at.most(12 * 1024)
  })
})
