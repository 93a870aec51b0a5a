import { readdir, readFile } from 'node:fs/promises'

const UPLOT = ['uPlot.esm.js', 'uPlot.min.css']

/**
 * The texts of the dashboard's files by name: those of the folder `ui/` and uPlot's. The build replaces
 * this module by one that contains the texts (`docs/embed-ui.ts`), so that the package also works in a
 * bundle.
 */
export async function uiFiles(): Promise<ReadonlyMap<string, string>> {
  const folder = new URL('ui/', import.meta.url)
  const files = [
    ...(await readdir(folder)).map((name) => new URL(name, folder)),
    ...UPLOT.map((name) => new URL(name, import.meta.resolve('uplot'))),
  ]
  return new Map(
    await Promise.all(
      files.map(
        async (file) => [file.pathname.split('/').at(-1)!, await readFile(file, 'utf8')] as const,
      ),
    ),
  )
}
