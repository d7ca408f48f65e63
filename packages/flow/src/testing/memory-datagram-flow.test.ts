import { describe, expect, it } from 'vitest'
import { datagramFlowCompliance } from '../compliance/datagram-flow-suite.ts'
import { createDatagramFlowPair } from './memory-datagram-flow.ts'

datagramFlowCompliance('createDatagramFlowPair', async () => {
  const [left, right] = createDatagramFlowPair()
  return { left, right, close: async () => {} }
})

describe('createDatagramFlowPair', () => {
  it('drops and counts above its limit', () => {
    const [left] = createDatagramFlowPair({ limit: 2 })
    expect([1, 2, 3].map((byte) => left.send(new Uint8Array([byte])))).toEqual([true, true, false])
    expect(left.dropped).toBe(1)
  })

  it('closes the other end after what was sent', async () => {
    const [left, right] = createDatagramFlowPair()
    const calls: string[] = []
    left.send(new Uint8Array([7]))
    left.close()
    right.attach({ message: (datagram) => calls.push(`message ${datagram[0]}`), close: (error) => calls.push(`close ${error?.code}`) })
    await Promise.resolve()
    expect(calls).toEqual(['message 7', 'close undefined'])
  })
})
