/** Makes text from outside, such as a user agent, harmless to display. */

const LONGEST = 120

/**
 * Characters without width, or that change the direction of text; except joiners and variation
 * selectors, which scripts and emoji need.
 */
const INVISIBLE =
  /[\u2028\u2029\u2800\ufff9-\ufffb]|(?!\u200c|\u200d|[\ufe00-\ufe0f])\p{Default_Ignorable_Code_Point}/u

/** The text with invisible characters replaced by their code points, cut at `longest` characters. */
export function visible(text, longest = LONGEST) {
  let shown = ''
  let length = 0
  for (const character of String(text)) {
    if (length++ === longest) return `${shown}…`
    shown += pictureOf(character)
  }
  return shown
}

function pictureOf(character) {
  const code = character.codePointAt(0)
  const control = code < 0x20 || (code >= 0x7f && code < 0xa0)
  const half = code >= 0xd800 && code < 0xe000
  if (!control && !half && !INVISIBLE.test(character)) return character
  return `⟨${code.toString(16).toUpperCase().padStart(2, '0')}⟩`
}
