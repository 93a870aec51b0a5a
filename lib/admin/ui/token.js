import { useToken } from './api.js'
import { byId, write } from './dom.js'

/** What a header may carry: RFC 9110, field values, without blanks. */
const POSSIBLE = /^[\x21-\x7e]+$/

const section = byId('token')
const field = byId('token-field')
const words = byId('token-words')

/** Asks for a token, because of a refusal or because the reader wants to use another one. */
export function askForToken(refused) {
  section.hidden = false
  write(words, reasonOf(refused))
  field.focus()
}

/** @param onToken called when one was given */
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
