import { readFileSync, writeFileSync } from 'node:fs'
import { uiFiles } from '../lib/admin/ui-files.ts'

/**
 * Writes the files of the dashboard as a module, in the place of the one that reads them:
 *
 *   tsx docs/embed-ui.ts dist/lib/admin/ui-files.js
 */

const license = readFileSync(new URL('LICENSE', import.meta.resolve('uplot/package.json')), 'utf8')
const files = JSON.stringify(Object.fromEntries(await uiFiles()), undefined, 2)
writeFileSync(
  process.argv[2]!,
  `/*! uPlot, which is part of this file:\n\n${license}*/
const files = new Map(Object.entries(${files}))
export const uiFiles = async () => files
`,
)
