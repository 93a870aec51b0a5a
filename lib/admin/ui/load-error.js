/**
 * Shows an error if a module of the page could not be loaded. A classic script, since a module would
 * fail with the others.
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
    // the page's script fails with any module it imports; only preload errors name the module
    if (target.rel === 'modulepreload') missing.push(target.href.split('/').at(-1))
    const names = missing.join(', ') || 'A script'
    if (target === window) words ??= `A script failed: ${message}.`
    else if (words !== undefined || target.localName === 'script') {
      words = `${names} could not be loaded.`
    }
    say()
  }

  addEventListener('error', onError, true)
  // the error may come before the body is parsed
  document.addEventListener('DOMContentLoaded', say)
}
