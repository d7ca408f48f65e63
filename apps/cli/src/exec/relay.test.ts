import type { RefuseReason, TcpRequest } from '@tunnel/flow'
import { createAbortedError } from '@tunnel/flow'
import type { connectFlow } from '@tunnel/flow/node'
import { expect, it } from 'vitest'
import { createRelay } from './relay.ts'

/** Nobody answers. */
const silence: typeof connectFlow = ({ signal }) =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(createAbortedError())))

function createRequest(refused: RefuseReason[]): TcpRequest & { abandon(): void } {
  let abandon = (): void => {}
  return {
    protocol: 'tcp', from: { address: '100.64.0.1', port: 40_000 }, to: { address: '198.51.100.7', port: 80 },
    accept: () => expect.unreachable(),
    refuse: (reason) => void refused.push(reason),
    onAbandon: (told) => void (abandon = told),
    abandon: () => abandon(),
  }
}

it('does not wait for who does not answer, when the command has ended', async () => {
  const relay = createRelay(silence)
  const refused: RefuseReason[] = []
  relay.take(createRequest(refused))
  relay.take(createRequest(refused))
  await relay.stop()
  expect(refused).toEqual(['host-unreachable', 'host-unreachable'])
})

it('dials no further for a program that has given up, and refuses nothing', async () => {
  const relay = createRelay(silence)
  const refused: RefuseReason[] = []
  const request = createRequest(refused)
  relay.take(request)
  request.abandon()
  await relay.stop()
  expect(refused).toEqual([])
})
