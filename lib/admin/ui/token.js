import { useToken } from './api.js'
import { byId, write } from './dom.js'

/** Characters that a header's value may contain (RFC 9110), without blanks. */
const POSSIBLE = /^[\x21-\x7e]+$/

const section = byId('token')
const field = byId('token-field')
const words = byId('token-words')

/** Asks for a token, after a refusal or when the reader wants to use another one. */
export function askForToken(refused) {
  section.hidden = false
  write(words, reasonOf(refused))
  field.focus()
}

/** @param onToken called when the reader has entered a token */
export function onTokenGiven(onToken) {
  byId('token-form').addEventListener('submit', (event) => {
    event.preventDefault()
    const given = field.value.trim()
    field.value = ''
    if (!POSSIBLE.test(given)) return write(words, 'A token has no blanks and only ASCII letters.')
    useToken(given)
    section.hidden = true
    onToken()
  })
}

function reasonOf(refused) {
  if (!refused) return ''
  if (refused.status === 0)
    return 'The server asks for a login elsewhere. Log in there, or use a token.'
  if (refused.withToken) return `This token was refused: ${refused.message}.`
  return refused.status === 401
    ? 'The server wants to know who you are.'
    : `Refused: ${refused.message}.`
}
