import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import type { Mode, ModeState, ModeSwitch } from './mode.ts'

/** What the page asks for twice a second, beside the admin routes. */
export interface DemoState extends ModeState {
  readonly loadRunning: boolean
  readonly watermarks: { readonly low: number; readonly high: number; readonly limit: number }
  readonly rss: number
  readonly wifi: { readonly url: string; readonly bytesPerSecond: number }
}

export interface DemoControls {
  readonly mode: ModeSwitch
  state(): DemoState
  startLoad(): void
}

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
}

const page = (file: string): URL => new URL(`../page/${file}`, import.meta.url)

/** Charts and words come from the dashboard's files, which the plugin serves. */
const FILES: Record<string, URL> = {
  '/': page('index.html'),
  '/page.css': page('page.css'),
  '/page.js': page('page.js'),
  '/panel.js': page('panel.js'),
  '/latency-chart.js': page('latency-chart.js'),
}

/** Nothing from elsewhere; connections to the other port of this machine. */
const POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self' ws://127.0.0.1:* ws://localhost:*",
].join('; ')

/** The page and what it needs. */
export function pageRoutes(app: FastifyInstance): void {
  for (const [path, file] of Object.entries(FILES)) {
    const extension = file.pathname.split('.').at(-1) as keyof typeof TYPES
    app.get(path, async (_request, reply) => {
      reply.type(TYPES[extension])
      reply.header('content-security-policy', POLICY)
      reply.header('cache-control', 'no-cache')
      return readFile(file)
    })
  }
}

const modeBody = {
  type: 'object',
  required: ['mode'],
  properties: { mode: { enum: ['enforce', 'observe'] } },
}

export function controlRoutes(app: FastifyInstance, controls: () => DemoControls): void {
  app.get('/demo/state', async () => controls().state())

  app.post<{ Body: { mode: Mode } }>(
    '/demo/mode',
    { schema: { body: modeBody } },
    async (request) => {
      controls().mode.set(request.body.mode)
      return controls().state()
    },
  )

  app.post('/demo/load', async () => {
    controls().startLoad()
    return controls().state()
  })
}
