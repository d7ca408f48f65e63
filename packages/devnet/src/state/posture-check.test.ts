import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PostureCheckOptions, PostureData } from './posture-check.ts'
import { isPassing, recordPosture } from './posture-check.ts'

const passes = (options: PostureCheckOptions, ...responses: unknown[]) => {
  const data: PostureData = new Map()
  for (const response of responses) recordPosture(data, response)
  return isPassing({ id: 'c', createdAt: 0, options }, data)
}

describe('isPassing', () => {
  it.each<[PostureCheckOptions, unknown, unknown]>([
    [{ type: 'OS', os: ['Linux', 'macOS'] }, { typeId: 'OS', type: 'linux' }, { typeId: 'OS', type: 'windows' }],
    [{ type: 'DOMAIN', domains: ['corp.example'] }, { typeId: 'DOMAIN', domain: 'CORP.example' }, { typeId: 'DOMAIN', domain: '' }],
    [{ type: 'MAC', addresses: ['aa:bb:cc:dd:ee:ff'] }, { typeId: 'MAC', macAddresses: ['00:00:00:00:00:01', 'AA:BB:CC:DD:EE:FF'] }, { typeId: 'MAC', macAddresses: 'aa' }],
    [{ type: 'PROCESS', path: '/agent', os: 'Linux' }, { typeId: 'PROCESS', path: '/agent', isRunning: true }, { typeId: 'PROCESS', path: '/other', isRunning: true }],
  ])('%j', (options, right, wrong) => {
    expect(passes(options)).toBe(false)
    expect(passes(options, wrong)).toBe(false)
    expect(passes(options, wrong, right)).toBe(true)
  })

  it('goes by the last response', () => {
    const running = (isRunning: boolean) => ({ typeId: 'PROCESS', path: '/agent', isRunning })
    expect(passes({ type: 'PROCESS', path: '/agent', os: 'Linux' }, running(true), running(false))).toBe(false)
  })
})

describe('recordPosture', () => {
  it('takes anything without a fault, and is bounded', () => {
    const data: PostureData = new Map()
    fc.assert(fc.property(fc.anything(), (response) => typeof recordPosture(data, response) === 'boolean'))
    for (let index = 0; index < 1000; index++) recordPosture(data, { typeId: 'PROCESS', path: String(index) })
    expect(recordPosture(data, { typeId: 'PROCESS', path: { toString: 1 } })).toBe(false)
    expect(data.size).toBeLessThanOrEqual(256)
  })
})
