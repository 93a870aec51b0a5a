/**
 * Text that somebody else made up, for logs and answers: cut, and without characters that do
 * something instead of showing (controls, among them those of terminals, and marks that turn the
 * direction of writing).
 */
export function shown(text: string): string {
  const cut = text.length > MOST ? `${text.slice(0, MOST)}…` : text
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}

const MOST = 200
