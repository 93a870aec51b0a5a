import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
}

const folder = new URL('ui/', import.meta.url)
const PAGE = 'index.html'
/** Says that a module could not be loaded, and so is none. */
const CLASSIC = 'loading.js'
const UPLOT = ['uPlot.esm.js', 'uPlot.min.css']

/** Nothing from elsewhere, nothing inline, and no text that becomes HTML. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

interface Asset {
  readonly type: string
  readonly body: Buffer
  readonly etag: string
}

/** The dashboard: one page and what it loads. They hold no data, so whoever asks gets them. */
export async function uiRoutes(app: FastifyInstance): Promise<void> {
  const assets = new Map(await Promise.all((await files()).map(load)))
  const html = await readFile(new URL(PAGE, folder), 'utf8')
  const page = html.replace('</head>', `${preloads(assets.keys())}</head>`)
  // its addresses are relative, so they depend on whether the page's own ends in a slash
  const pages = {
    bare: assetOf('html', Buffer.from(page)),
    slash: assetOf('html', Buffer.from(page.replaceAll('"ui/', '"'))),
  }

  const sendPage = (request: FastifyRequest, reply: FastifyReply) => {
    const [path] = request.originalUrl.split('?', 1)
    return send(request, reply, path!.endsWith('/') ? pages.slash : pages.bare)
  }

  app.get('/ui', { schema: { hide: true } as object }, sendPage)
  app.get<{ Params: { file: string } }>(
    '/ui/:file',
    { schema: { hide: true } as object },
    (request, reply) => {
      if (request.params.file === '') return sendPage(request, reply)
      const asset = assets.get(request.params.file)
      return asset ? send(request, reply, asset) : reply.callNotFound()
    },
  )
}

/** All that there is from now on: no path of a request ever names a file. */
async function files(): Promise<URL[]> {
  const own = (await readdir(folder)).filter((name) => name !== PAGE)
  return [
    ...own.map((name) => new URL(name, folder)),
    ...UPLOT.map((name) => new URL(name, import.meta.resolve('uplot'))),
  ]
}

/** All modules at once: each of them names others only when it is there. */
function preloads(names: Iterable<string>): string {
  const modules = [...names].filter((name) => name.endsWith('.js') && name !== CLASSIC)
  return modules.map((name) => `<link rel="modulepreload" href="ui/${name}">`).join('')
}

async function load(file: URL): Promise<[name: string, asset: Asset]> {
  const name = file.pathname.split('/').at(-1)!
  const extension = name.split('.').at(-1) as keyof typeof TYPES
  return [name, assetOf(extension, await readFile(file))]
}

function assetOf(extension: keyof typeof TYPES, body: Buffer): Asset {
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
  return { type: TYPES[extension], body, etag }
}

function send(request: FastifyRequest, reply: FastifyReply, { type, body, etag }: Asset) {
  reply.headers({
    'cache-control': 'no-cache',
    'content-security-policy': CONTENT_SECURITY_POLICY,
    etag,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  })
  if (request.headers['if-none-match']?.includes(etag)) return reply.code(304).send()
  return reply.type(type).send(body)
}
