import { describe, expect, it } from 'vitest'
import type { Release } from '../flow.ts'
import { ownBytes, ownersLimit, ReadBuffers, sharedBytes } from './read-buffers.ts'

const busy = (): ReadBuffers => {
  const buffers = new ReadBuffers()
  buffers.take(sharedBytes, () => {})
  return buffers
}

describe('quiet flows', () => {
  it('share one buffer, and what they deliver is a copy', () => {
    const [one, other] = [new ReadBuffers(), new ReadBuffers()]
    expect(one.current).toBe(other.current)
    one.current.write('hello')
    let kept = new Uint8Array()
    one.take(5, (chunk, hold) => {
      hold()
      kept = chunk as Uint8Array<ArrayBuffer>
    })
    other.current.write('world')
    expect(Buffer.from(kept).toString()).toBe('hello')
  })
})

describe('busy flows', () => {
  it('read into the same memory again when nothing is held when the call returns', () => {
    const buffers = busy()
    const first = buffers.current
    expect(first.length).toBe(ownBytes)
    buffers.take(100_000, (chunk, hold) => {
      expect(chunk.buffer).toBe(first.buffer)
      hold()()
    })
    expect(buffers.current).toBe(first)
    buffers.dispose()
  })

  it('leave a held buffer alone until its release, then use it again', () => {
    const buffers = busy()
    const first = buffers.current
    let release: Release = () => {}
    buffers.take(100_000, (_, hold) => (release = hold()))
    expect(buffers.current).not.toBe(first)
    release()
    buffers.take(100_000, (_, hold) => hold())
    expect(buffers.current).toBe(first)
    buffers.dispose()
  })

  it('copy small reads out, so that holding them pins little', () => {
    const buffers = busy()
    const first = buffers.current
    buffers.take(5, (chunk, hold) => {
      hold()
      expect(chunk.buffer).not.toBe(first.buffer)
    })
    expect(buffers.current).toBe(first)
    buffers.dispose()
  })

  it('share again after a quiet while', () => {
    const buffers = busy()
    for (let reads = 0; reads < 8; reads += 1) buffers.take(100, () => {})
    expect(buffers.current).toBe(new ReadBuffers().current)
  })

  it('are so many at a time and no more; one that closes makes room', () => {
    const flows = Array.from({ length: ownersLimit }, busy)
    const late = busy()
    expect(late.current.length).toBe(sharedBytes)
    flows[0]?.dispose()
    late.take(sharedBytes, () => {})
    expect(late.current.length).toBe(ownBytes)
    for (const buffers of [...flows, late]) buffers.dispose()
    // Disposed twice counts once.
    expect(Array.from({ length: ownersLimit + 1 }, busy).filter(({ current }) => current.length === ownBytes)).toHaveLength(ownersLimit)
  })
})
