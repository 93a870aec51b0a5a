/** Text that others chose, such as a user agent, made harmless to read. */

const LONGEST = 120

/**
 * Of no width, or such that they turn the order of what follows around; but for the joiners and
 * the variation selectors, which scripts and emoji are written with.
 */
const INVISIBLE =
  /[\u2028\u2029\u2800\ufff9-\ufffb]|(?!\u200c|\u200d|[\ufe00-\ufe0f])\p{Default_Ignorable_Code_Point}/u

/** With what would not be seen as its number, and not longer than so many characters. */
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
