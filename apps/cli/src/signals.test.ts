import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { watchStopSignals } from './signals.ts'

describe('watchStopSignals', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('asks for an orderly stop at the first %s', async (signal) => {
    const source = new EventEmitter()
    const codes: number[] = []
    const { first } = watchStopSignals(source, (code) => codes.push(code))
    source.emit(signal, signal)
    expect(await first).toBe(signal)
    expect(codes).toEqual([])
  })

  it.each([
    ['SIGTERM', 'SIGINT', 130],
    ['SIGINT', 'SIGTERM', 143],
  ] as const)('ends at once when %s is followed by %s', (one, two, expected) => {
    const source = new EventEmitter()
    const codes: number[] = []
    watchStopSignals(source, (code) => codes.push(code))
    source.emit(one, one)
    source.emit(two, two)
    expect(codes).toEqual([expected])
  })

  it('leaves no listener behind', () => {
    const source = new EventEmitter()
    watchStopSignals(source, () => {}).dispose()
    expect(source.eventNames()).toEqual([])
  })
})
