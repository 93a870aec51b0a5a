/**
 * Mocha swallows unhandled rejections; in an application they end the process. With this module a
 * test during which one happens fails.
 */
function fail(reason: unknown): never {
  throw reason
}
process.on('unhandledRejection', fail)

/** A worker of mocha's takes all listeners away after each file. */
export const mochaHooks = {
  beforeAll(): void {
    process.off('unhandledRejection', fail)
    process.on('unhandledRejection', fail)
  },
}
