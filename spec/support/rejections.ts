// Mocha swallows unhandled rejections; in an application they end the process. With this module a
// test during which one happens fails.
process.on('unhandledRejection', (reason) => {
  throw reason
})
