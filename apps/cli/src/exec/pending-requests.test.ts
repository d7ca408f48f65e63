import type { Flow, RefuseReason, TcpRequest } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { PendingRequests } from './pending-requests.ts'

function createRequest(): TcpRequest & { readonly refused: RefuseReason[]; abandon(): void } {
  let abandon = (): void => {}
  const refused: RefuseReason[] = []
  return {
    protocol: 'tcp', from: { address: '100.64.0.1', port: 40_000 }, to: { address: '198.51.100.7', port: 80 },
    accept: () => ({}) as Flow,
    refuse: (reason) => void refused.push(reason),
    onAbandon: (told) => void (abandon = told),
    refused,
    abandon: () => abandon(),
  }
}

it('gives up what has no answer, and tells each who wants to know, once', () => {
  const pending = new PendingRequests()
  const told: string[] = []
  const own = createRequest()
  const [left, accepted, refused, gone] = [createRequest(), createRequest(), createRequest(), own].map((request) => pending.watch(request))
  for (const [name, request] of Object.entries({ left, accepted, refused, gone })) request!.onAbandon(() => told.push(name))
  accepted!.accept()
  refused!.refuse('reset')
  own.abandon()
  expect(told).toEqual(['gone'])
  pending.abandonAll()
  pending.abandonAll()
  expect(told).toEqual(['gone', 'left'])
  left!.onAbandon(() => told.push('late'))
  expect(told).toEqual(['gone', 'left', 'late'])
})

it('answers what was asked', () => {
  const request = createRequest()
  new PendingRequests().watch(request).refuse('prohibited')
  expect(request.refused).toEqual(['prohibited'])
})
