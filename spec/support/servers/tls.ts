import { createServer, type Server } from 'node:https'
import type { TlsOptions } from 'node:tls'
import type { ClientOptions } from 'ws'

// By a key that both sides know: that needs no certificate, which would have to be made.

const psk = Buffer.alloc(16, 1)
const common = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const

export function tlsServer(): Server {
  const options: TlsOptions = { ...common, pskCallback: () => psk }
  return createServer(options)
}

const client = {
  ...common,
  pskCallback: () => ({ psk, identity: 'spec' }),
  checkServerIdentity: () => undefined,
}
/** `ws` hands them on to `tls.connect`. */
export const TLS_CLIENT = client as unknown as ClientOptions
