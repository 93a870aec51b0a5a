import { readdir, readFile } from 'node:fs/promises'

const UPLOT = ['uPlot.esm.js', 'uPlot.min.css']

/**
 * The files of the dashboard by name: those of the folder `ui/`, and uPlot's. The build puts a module
 * with their text in the place of this one (`docs/embed-ui.ts`), so that in the package, and in
 * bundles that are made of it, nothing has to be found.
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
