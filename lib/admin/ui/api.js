import { visible } from './text.js'

/** Requests to the admin routes, with the token that the reader typed in. */

/** URL of the admin routes' prefix. These files are at `{prefix}/ui/`, also behind a proxy. */
const root = new URL('..', import.meta.url).href.replace(/\/$/, '')

const LONGEST_MS = 10_000
const LONGEST_MESSAGE = 300

/** The token, in memory only, so a reload forgets it. */
let token

export function useToken(given) {
  token = given
}

/** A refusal (401, 403, or a redirect to a login) of a request without a token or with this one. */
export class Refused extends Error {
  withToken = token !== undefined

  constructor(status) {
    super(status === 0 ? 'the server asks for a login elsewhere' : `the server answered ${status}`)
    this.status = status
  }
}

/** An error status, or no answer at all. */
export class Failure extends Error {
  /** @param status of the answer; `undefined` without one */
  constructor(message, status) {
    super(message)
    this.status = status
  }
}

/**
 * @returns the body of the answer; `null` if it has none
 * @throws Refused, Failure, or what aborted the signal
 */
export async function ask(path, { method, body, signal } = {}) {
  const limit = AbortSignal.timeout(LONGEST_MS)
  const signals = signal ? AbortSignal.any([signal, limit]) : limit
  const response = await request(path, {
    method,
    signal: signals,
    ...(body && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  })
  if (response.status === 204) return null
  try {
    return await response.json()
  } catch (error) {
    if (signal?.aborted) throw error
    if (error instanceof SyntaxError) throw new Failure('the answer is not JSON', response.status)
    throw unreached(error)
  }
}

/** Opens a stream of text chunks, until the signal aborts it. */
export async function open(path, signal) {
  const { body } = await request(path, { signal })
  return chunksOf(body.pipeThrough(new TextDecoderStream()).getReader())
}

/** Iterates over a stream by its reader, since Safari has no asynchronous iteration of streams. */
async function* chunksOf(reader) {
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}

async function request(path, { headers, ...options }) {
  let response
  try {
    response = await fetch(root + path, {
      ...options,
      headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'manual',
    })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw unreached(error)
  }
  const elsewhere = response.type === 'opaqueredirect'
  if (elsewhere || response.status === 401 || response.status === 403) {
    throw new Refused(elsewhere ? 0 : response.status)
  }
  if (!response.ok) throw new Failure(await messageOf(response), response.status)
  return response
}

function unreached({ name }) {
  return new Failure(name === 'TimeoutError' ? 'no answer' : 'cannot be reached')
}

/** The API's error message; without one, as in a proxy's HTML page, the status. */
async function messageOf(response) {
  const body = await response.json().catch(() => null)
  return typeof body?.message === 'string'
    ? visible(body.message, LONGEST_MESSAGE)
    : `the server answered ${response.status}`
}
