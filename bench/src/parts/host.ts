/** The far end behind our own SDK: one process that hosts and serves, in messages of 32 KiB. */
import { loadIdentity } from '@tunnel/config'
import { openOverlay } from '@tunnel/edge'
import { serveOrder } from '../protocol.ts'

const { identity } = JSON.parse(process.argv[2] ?? '{}') as { identity: string }
const overlay = await openOverlay({ identity: await loadIdentity({ file: identity }) })
const service = await new Promise<Parameters<typeof overlay.bind>[0]>((resolve) => {
  overlay.watch((change) => {
    if (change.service.name === 'sdk-hosted') resolve(change.service)
  })
})
const binding = await overlay.bind(service, {}, (call) => {
  const flow = call.accept()
  const far = serveOrder({ write: (chunk) => flow.send(chunk), end: () => flow.end() }, 32_768)
  flow.attach({ data: far.data, drain: far.drain, end: () => flow.end(), close: () => {} })
})
await binding.ready
console.log(JSON.stringify({ bound: true }))
