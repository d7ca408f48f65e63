import { describe, expect, it } from 'vitest'
import { until } from './compliance/until.ts'
import { WatchedFlow } from './compliance/watched-flow.ts'
import { CodedError } from './coded-error.ts'
import type { Flow, FlowHandler } from './flow.ts'
import { pump, pumpDatagrams, type PumpResult } from './pump.ts'
import { createDatagramFlowPair } from './testing/memory-datagram-flow.ts'
import { createFlowPair } from './testing/memory-flow.ts'

/** client - [a b] = pump = [c d] - server */
function relay(limitBytes = 10_000) {
  const [client, left] = createFlowPair({ limitBytes })
  const [right, server] = createFlowPair({ limitBytes })
  const results: PumpResult[] = []
  pump(left, right, (result) => results.push(result))
  return { client: new WatchedFlow(client), server: new WatchedFlow(server), results }
}

describe('pump', () => {
  it('passes bytes both ways, and counts them', async () => {
    const { client, server, results } = relay()
    client.attach()
    server.attach()
    client.send('question')
    server.send('an answer')
    client.end()
    server.end()
    await until(() => results.length === 1, 'the result')
    expect([client.text, server.text]).toEqual(['an answer', 'question'])
    expect(results).toEqual([{ leftToRight: 8, rightToLeft: 9 }])
    expect([...client.closes, ...server.closes]).toEqual([undefined, undefined])
  })

  it('passes a half-close on, and the other half stays open', async () => {
    const { client, server, results } = relay()
    client.attach()
    server.attach()
    client.end()
    await until(() => server.ends === 1, 'the end')
    server.send('late')
    await until(() => client.text === 'late', 'late data')
    expect(results).toEqual([])
    server.end()
    await until(() => results.length === 1, 'the result')
  })

  it('passes a reset on, with its error in the result', async () => {
    const { client, server, results } = relay()
    client.attach()
    server.attach()
    client.reset(new CodedError('test.reset', 'because'))
    await until(() => results.length === 1 && server.closes.length === 1, 'the result')
    expect(results[0]?.error?.code).toBe('flow.reset')
    expect(server.closes[0]?.code).toBe('flow.reset')
  })

  it('resets who still writes to an end that has closed altogether, also when it waits for a drain', async () => {
    for (const full of [false, true]) {
      const [far, left] = createFlowPair()
      const client = new WatchedFlow(far).attach()
      let handler: FlowHandler | undefined
      const right: Flow = {
        info: { protocol: 'tcp' }, queuedBytes: 0, lateSends: 0,
        attach: (given) => (handler = given), send: () => !full, end: () => {}, reset: () => {}, pause: () => {}, resume: () => {},
      }
      const results: PumpResult[] = []
      pump(left, right, (result) => results.push(result))
      client.send('taken')
      await new Promise((resolve) => setTimeout(resolve, 5))
      handler?.end()
      handler?.close()
      client.send('to nobody')
      await until(() => results.length === 1 && client.closes.length === 1, 'the result')
      expect(client.ends).toBe(1)
      expect(client.closes[0]?.code).toBe('flow.reset')
    }
  })

  it('holds a fast sender back for a slow reader, and never overruns', async () => {
    const { client, server, results } = relay()
    client.attach()
    server.pause()
    server.attach({ discard: true })
    let sent = 0
    for (let quiet = 0; quiet < 5; quiet += 1) {
      for (; !client.blocked; quiet = 0) {
        client.send(new Uint8Array(3_000), 'released')
        sent += 3_000
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(sent).toBeLessThan(40_000)
    server.resume()
    await until(() => server.receivedBytes === sent && !client.blocked, 'the rest')
    client.end()
    server.end()
    await until(() => results.length === 1, 'the result')
    expect(results[0]).toEqual({ leftToRight: sent, rightToLeft: 0 })
    await until(() => client.releases === client.sends, 'every release')
  })
})

describe('pumpDatagrams', () => {
  it('joins two flows until one ends', async () => {
    const [client, left] = createDatagramFlowPair()
    const [right, server] = createDatagramFlowPair()
    const results: PumpResult[] = []
    const closes: string[] = []
    pumpDatagrams(left, right, (result) => results.push(result))
    const got: number[] = []
    client.attach({ message: (datagram) => got.push(datagram.length), close: () => closes.push('client') })
    server.attach({ message: (datagram) => server.send(datagram), close: (error) => closes.push(`server ${error?.code}`) })
    client.send(new Uint8Array(3))
    client.send(new Uint8Array(4))
    await until(() => got.length === 2, 'two echoes')
    client.close(new CodedError('test.idle', 'idle'))
    await until(() => results.length === 1, 'the result')
    expect(got).toEqual([3, 4])
    expect(results[0]).toMatchObject({ leftToRight: 2, rightToLeft: 2, error: { code: 'flow.reset' } })
    await until(() => closes.length === 2, 'closes')
    expect(closes.sort()).toEqual(['client', 'server flow.reset'])
  })
})
