import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { uiFiles } from './ui-files.ts'

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
}

const PAGE = 'index.html'
/** Says that a module could not be loaded, and so is none. */
const CLASSIC = 'load-error.js'

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
  const files = await uiFiles().catch((error: Error) => error)
  if (files instanceof Error) return withoutFiles(app, files)
  // all that there is from now on: no path of a request ever names a file
  const assets = new Map(
    [...files].flatMap(([name, text]) => (name === PAGE ? [] : [[name, assetOf(name, text)]])),
  )
  const page = files.get(PAGE)!.replace('</head>', `${preloads(assets.keys())}</head>`)
  // its addresses are relative, so they depend on whether the page's own ends in a slash
  const pages = {
    bare: assetOf(PAGE, page),
    slash: assetOf(PAGE, page.replaceAll('"ui/', '"')),
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

/** Where a bundler has left the files behind: the other routes are of use without them. */
function withoutFiles(app: FastifyInstance, error: Error): void {
  const said = 'the files of the dashboard were not found'
  app.log.warn({ error: error.message }, `spillway: ${said}; the other admin routes work`)
  const message = `${said}: the server runs from a bundle without them`
  const refuse = (_request: FastifyRequest, reply: FastifyReply) =>
    reply.code(404).send({ error: 'Not Found', message })
  for (const path of ['/ui', '/ui/']) app.get(path, { schema: { hide: true } as object }, refuse)
}

/** All modules at once: each of them names others only when it is there. */
function preloads(names: Iterable<string>): string {
  const modules = [...names].filter((name) => name.endsWith('.js') && name !== CLASSIC)
  return modules.map((name) => `<link rel="modulepreload" href="ui/${name}">`).join('')
}

function assetOf(name: string, text: string): Asset {
  const body = Buffer.from(text)
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
  return { type: TYPES[name.split('.').at(-1) as keyof typeof TYPES], body, etag }
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
