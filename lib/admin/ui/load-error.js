/**
 * Says so where the page's modules could not be loaded: a classic script before them, since one of
 * them could not.
 */
{
  const missing = []
  let words

  const say = () => {
    const note = document.getElementById('reach')
    if (words === undefined || !note || !('loading' in note.dataset)) return
    document.body.classList.add('lost')
    note.textContent = `${words} Reload the page.`
  }

  const onError = ({ target, message }) => {
    // the script fails with any module that it needs; only the preloads tell which
    if (target.rel === 'modulepreload') missing.push(target.href.split('/').at(-1))
    const names = missing.join(', ') || 'A script'
    if (target === window) words ??= `A script failed: ${message}.`
    else if (words !== undefined || target.localName === 'script') {
      words = `${names} could not be loaded.`
    }
    say()
  }

  addEventListener('error', onError, true)
  // it may fail before there is a body
  document.addEventListener('DOMContentLoaded', say)
}
