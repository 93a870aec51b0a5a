import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { uiFiles } from './ui-files.ts'

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
}

const PAGE = 'index.html'
/** The classic script that reports modules that failed to load. */
const CLASSIC = 'load-error.js'

/** Allows files of this origin only, no inline scripts or styles, and no HTML from strings. */
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

/** Adds the routes of the dashboard's files. These contain no data, so no authorization is needed. */
export async function uiRoutes(app: FastifyInstance): Promise<void> {
  const files = await uiFiles().catch((error: Error) => error)
  if (files instanceof Error) return withoutFiles(app, files)
  // served from memory, so that no request's path ever reaches the file system
  const assets = new Map(
    [...files].flatMap(([name, text]) => (name === PAGE ? [] : [[name, assetOf(name, text)]])),
  )
  const page = files.get(PAGE)!.replace('</head>', `${preloads(assets.keys())}</head>`)
  // relative links in the page depend on whether its own address ends in a slash
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

/** Answers 404 where a bundle lacks the dashboard's files. The other routes work without them. */
function withoutFiles(app: FastifyInstance, error: Error): void {
  const said = 'the files of the dashboard were not found'
  app.log.warn({ error: error.message }, `spillway: ${said}; the other admin routes work`)
  const message = `${said}: the server runs from a bundle without them`
  const refuse = (_request: FastifyRequest, reply: FastifyReply) =>
    reply.code(404).send({ error: 'Not Found', message })
  for (const path of ['/ui', '/ui/']) app.get(path, { schema: { hide: true } as object }, refuse)
}

/** Preload links, so that the browser requests all modules at once instead of import by import. */
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
