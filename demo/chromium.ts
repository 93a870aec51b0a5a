/** Debian's, unless told otherwise. */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
/** Nothing of its own goes out to the network. */
export const QUIET = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]
