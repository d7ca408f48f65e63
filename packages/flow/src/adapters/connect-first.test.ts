import type { Socket } from 'node:net'
import { createVirtualClock } from '../testing/virtual-clock.ts'
import { expect, it } from 'vitest'
import { connectFirst } from './connect-first.ts'

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
const never = new AbortController().signal

function attempts() {
  const made: { address: string; signal: AbortSignal; destroyed: boolean; resolve: () => void; reject: (error: Error) => void }[] = []
  const connect = (address: string, signal: AbortSignal): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const attempt = { address, signal, destroyed: false, resolve: () => resolve({ address, destroy: () => void (attempt.destroyed = true) } as unknown as Socket), reject }
      made.push(attempt)
      signal.addEventListener('abort', () => reject(new Error('aborted')))
    })
  return { made, connect }
}

it('tries the next address beside one that is slow, and lets the others go', async () => {
  const clock = createVirtualClock()
  const { made, connect } = attempts()
  const result = connectFirst(['a', 'b', 'c'], connect, never, clock)
  expect(made.map(({ address }) => address)).toEqual(['a'])
  clock.advance(250)
  expect(made.map(({ address }) => address)).toEqual(['a', 'b'])
  made[1]!.resolve()
  expect(await result).toMatchObject({ address: 'b' })
  expect(made.map(({ signal }) => signal.aborted)).toEqual([true, false])
  clock.advance(10_000)
  expect(made).toHaveLength(2)
})

it('tries the next at once after a failure, and ends with the first reason', async () => {
  const { made, connect } = attempts()
  const result = connectFirst(['a', 'b'], connect, never, createVirtualClock())
  result.catch(() => {})
  made[0]!.reject(new Error('refused'))
  await turns()
  made[1]!.reject(new Error('unreachable'))
  await expect(result).rejects.toThrow('refused')
})

it('gives up when told to', async () => {
  const { made, connect } = attempts()
  const abort = new AbortController()
  const result = connectFirst(['a'], connect, abort.signal, createVirtualClock())
  abort.abort(new Error('enough'))
  await expect(result).rejects.toThrow('enough')
  expect(made[0]!.signal.aborted).toBe(true)
})
