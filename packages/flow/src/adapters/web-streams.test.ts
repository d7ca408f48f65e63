import { describe, expect, it } from 'vitest'
import { flowCompliance } from '../compliance/flow-suite.ts'
import { until } from '../compliance/until.ts'
import { WatchedFlow } from '../compliance/watched-flow.ts'
import { createFlowPair } from '../testing/memory-flow.ts'
import { fromWebStreams } from './web-stream-flow.ts'
import { toWebStreams } from './web-streams.ts'

flowCompliance('fromWebStreams(toWebStreams) over memory', async () => {
  const [left, right] = createFlowPair()
  return { left: fromWebStreams(toWebStreams(left)), right: fromWebStreams(toWebStreams(right)), close: async () => {} }
})

describe('toWebStreams', () => {
  it('pipes through, with an end', async () => {
    const [near, far] = createFlowPair()
    const { readable, writable } = toWebStreams(far)
    const echo = readable.pipeTo(writable)
    const flow = new WatchedFlow(near).attach()
    flow.send('echo')
    flow.end()
    await echo
    await until(() => flow.closes.length === 1, 'close')
    expect([flow.text, flow.closes]).toEqual(['echo', [undefined]])
  })

  it('resets the flow when the readable is cancelled or the writable aborted', async () => {
    for (const end of ['cancel', 'abort'] as const) {
      const [near, far] = createFlowPair()
      const { readable, writable } = toWebStreams(far)
      const flow = new WatchedFlow(near).attach()
      await (end === 'cancel' ? readable.cancel(new Error('enough')) : writable.abort(new Error('enough')))
      await until(() => flow.closes.length === 1, 'close')
      expect(flow.closes[0]).toMatchObject({ code: 'flow.reset', cause: { code: 'flow.aborted', message: 'enough' } })
    }
  })

  it('holds both sides back', async () => {
    const [near, far] = createFlowPair({ limitBytes: 10_000 })
    const { readable, writable } = toWebStreams(far)
    const flow = new WatchedFlow(near)
    flow.pause()
    flow.attach()
    while (!flow.blocked && flow.sends < 100) {
      flow.send(new Uint8Array(5_000))
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(flow.sends * 5_000).toBeLessThan(64 * 1024 + 20_000)

    const writer = writable.getWriter()
    let written = 0
    for (let index = 0; index < 5; index += 1) writer.write(new Uint8Array(10_000)).then(() => (written += 1), () => {})
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(written).toBe(0)
    flow.resume()
    await until(() => written === 5 && flow.receivedBytes === 50_000, 'all writes')
    let read = 0
    const reader = readable.getReader()
    while (read < flow.sends * 5_000) read += (await reader.read()).value?.length ?? 0
    await until(() => !flow.blocked, 'drain')
  })
})
