import { describe, expect, it } from 'vitest'
import { busyBytes, quietBytes, ReadBuffers } from './read-buffers.ts'

describe('ReadBuffers', () => {
  it('reads into the same memory again when nothing is held', () => {
    const buffers = new ReadBuffers()
    const first = buffers.current
    buffers.take(10_000, () => {})
    expect(buffers.current).toBe(first)
  })

  it('leaves a held buffer alone until its release, then uses it again', () => {
    const buffers = new ReadBuffers()
    const first = buffers.current
    let release = () => {}
    buffers.take(10_000, (chunk, hold) => {
      expect(chunk.buffer).toBe(first.buffer)
      release = hold()
    })
    const second = buffers.current
    expect(second).not.toBe(first)
    release()
    buffers.take(10_000, (_, hold) => hold())
    expect(buffers.current).toBe(first)
  })

  it('copies small reads out, so that holding them pins little', () => {
    const buffers = new ReadBuffers()
    const first = buffers.current
    first.write('hello')
    let held: Uint8Array = first
    buffers.take(5, (chunk, hold) => {
      hold()
      held = chunk
    })
    first.fill(0)
    expect(Buffer.from(held).toString()).toBe('hello')
    expect(buffers.current).toBe(first)
  })

  it('grows with full reads and shrinks after a quiet while', () => {
    const buffers = new ReadBuffers()
    expect(buffers.current.length).toBe(quietBytes)
    buffers.take(quietBytes, () => {})
    expect(buffers.current.length).toBe(busyBytes)
    for (let reads = 0; reads < 8; reads += 1) buffers.take(100, () => {})
    expect(buffers.current.length).toBe(quietBytes)
  })
})
