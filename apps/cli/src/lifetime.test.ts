import { EventEmitter } from 'node:events'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import type { Running } from './lifetime.ts'
import { runUntilStopped, stopDeadline } from './lifetime.ts'
import type { Session } from './session.ts'

function play(start: (signal: AbortSignal) => Promise<Running>) {
  const signals = new EventEmitter()
  const lines: string[] = []
  const exits: number[] = []
  const clock = createVirtualClock()
  const session = {
    options: {},
    log: (severity: string, _: string, message: string) => lines.push(`${severity} ${message}`),
    terminal: { signals, exitNow: (code: number) => exits.push(code) },
  } as unknown as Session
  const code = runUntilStopped(session, { source: 'test', start, clock })
  return { code, signals, lines, exits, clock, send: (signal: string) => signals.emit(signal, signal) }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('runUntilStopped', () => {
  it('runs until a signal, stops in order and ends with 0', async () => {
    const events: string[] = []
    const { code, signals, lines, send } = play(async () => ({ stop: async () => void events.push('stopped') }))
    await turn()
    expect(events).toEqual([])
    send('SIGTERM')
    expect(await code).toBe(0)
    expect(events).toEqual(['stopped'])
    expect(lines).toEqual(['info stopping'])
    expect(signals.eventNames()).toEqual([])
  })

  it('stops what is still starting', async () => {
    const { code, send } = play(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    )
    send('SIGINT')
    expect(await code).toBe(0)
  })

  it('stops what got started in spite of the signal', async () => {
    let stopped = false
    const { code, send } = play(async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return { stop: async () => void (stopped = true) }
    })
    send('SIGINT')
    expect(await code).toBe(0)
    expect(stopped).toBe(true)
  })

  it('does not wait longer than the deadline for a stop that hangs', async () => {
    const { code, lines, clock, send } = play(async () => ({ stop: () => new Promise(() => {}) }))
    await turn()
    send('SIGTERM')
    await turn()
    clock.advance(stopDeadline)
    expect(await code).toBe(0)
    expect(lines).toEqual(['info stopping', 'warn not everything ended in time; leaving it'])
    expect(stopDeadline).toBeLessThan(5_000)
  })

  it('ends at once at the second signal', async () => {
    const { exits, send } = play(async () => ({ stop: () => new Promise(() => {}) }))
    send('SIGTERM')
    await turn()
    send('SIGINT')
    expect(exits).toEqual([130])
  })

  it('ends with the code of what ends by itself, after stopping it', async () => {
    let stopped = false
    const { code, lines } = play(async () => ({ ended: Promise.resolve(1), stop: async () => void (stopped = true) }))
    expect(await code).toBe(1)
    expect(stopped).toBe(true)
    expect(lines).toEqual([])
  })

  it('rejects with the reason when starting fails', async () => {
    const { code, signals } = play(async () => Promise.reject(new Error('no identity')))
    await expect(code).rejects.toThrow('no identity')
    expect(signals.eventNames()).toEqual([])
  })
})
