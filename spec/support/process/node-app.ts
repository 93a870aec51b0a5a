import { type AdapterName, startNode } from '../servers/nodes.ts'

// A node that is another process. It emits what its clients ask for.

const [, , adapter, url] = process.argv
const node = await startNode({ adapter: adapter as AdapterName, url: url! })
node.io.on('connection', (socket) => {
  socket.on('emit', (event: string, payloads: unknown[], done: () => void) => {
    for (const payload of payloads) node.io.emit(event, payload)
    done()
  })
})
console.log(node.url)
