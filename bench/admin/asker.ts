import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../../spec/support/process/serve.ts'

/** Somebody who looks at the admin routes, one question after the other. */

const PAUSE_MS = 20

/** `:id` is a client's, of the list before. */
export const ROUTES = [
  '/metrics',
  '',
  '/clients?limit=50',
  '/clients?limit=50&sort=wait',
  '/clients?limit=200&sort=age',
  '/clients?namespace=/&congested=false',
  '/clients/:id',
  '/clients/:id/queue',
  '/closed',
  '/policy',
] as const
export type Route = (typeof ROUTES)[number]

interface Asked {
  readonly host: string
  readonly port: number
  readonly seconds: number
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

const handlers = {
  /** Milliseconds from question to the end of the answer, by route, and the bytes of the latest. */
  async ask({ host, port, seconds }: Asked): Promise<Record<string, Answers>> {
    const answers: Record<string, Answers> = {}
    let id = 'nobody'
    for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
      for (const route of ROUTES) {
        const askedAt = performance.now()
        const text = await read({ host, port, agent, path: `/spillway${route.replace(':id', id)}` })
        answers[route] ??= { took: [], bytes: 0 }
        const of = answers[route]
        of.took.push(performance.now() - askedAt)
        of.bytes = text.length
        if (route === '/clients?limit=50') id = JSON.parse(text).clients[0]?.id ?? id
        await sleep(PAUSE_MS)
      }
    }
    return answers
  },
}
export type AskerHandlers = typeof handlers

export interface Answers {
  took: number[]
  bytes: number
}

/** @throws Error if the answer is a refusal */
function read(options: {
  host: string
  port: number
  agent: Agent
  path: string
}): Promise<string> {
  return new Promise((resolve, reject) => {
    get(options, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => {
        const { statusCode = 0 } = answer
        // a client may have gone since the list
        if (statusCode === 200 || statusCode === 404) resolve(text)
        else reject(new Error(`${options.path}: ${statusCode} ${text.slice(0, 200)}`))
      })
    }).on('error', reject)
  })
}

serve(handlers)
