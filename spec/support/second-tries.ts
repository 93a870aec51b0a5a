/**
 * A test that fails is tried once more (`retries` in .mocharc.yml): it may have met a pause of the
 * machine. One that passed only then is told of, so that it can be mended.
 */
export const mochaHooks = {
  afterEach(this: Mocha.Context): void {
    const test = this.currentTest
    if (test?.state !== 'passed' || triesBefore(test) === 0) return
    console.log(`passed at the second try: ${test.fullTitle()}`)
  },
}

/** Public in mocha, and not in its types. */
function triesBefore(test: Mocha.Runnable): number {
  return (test as Mocha.Runnable & { currentRetry(): number }).currentRetry()
}
