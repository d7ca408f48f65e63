import { describe, expect, it } from 'vitest'
import type { Terminator } from './authority.ts'
import { chooseTerminator } from './terminator-choice.ts'

const terminator = (id: string, given: Partial<Terminator> = {}): Terminator => ({
  id, serviceId: 's', routerId: 'r', instance: '', cost: 0, precedence: 0, kind: 'sdk', ...given,
})
const idle = { online: true, circuits: 0, tried: false }

describe('chooseTerminator', () => {
  it('knows none from none that is online', () => {
    expect(chooseTerminator([], '', () => idle)).toBe('none')
    expect(chooseTerminator([terminator('a', { instance: 'x' })], '', () => idle)).toBe('none')
    expect(chooseTerminator([terminator('a')], '', () => ({ ...idle, online: false }))).toBe('offline')
  })

  it('takes a failed one only when nothing else is left', () => {
    const list = [terminator('failed', { precedence: 2 }), terminator('dear', { cost: 60_000 })]
    expect(chooseTerminator(list, '', () => idle)).toBe(list[1])
    expect(chooseTerminator(list, '', ({ id }) => ({ ...idle, online: id === 'failed' }))).toBe(list[0])
  })

  it('prefers what this dial has not tried, within a precedence', () => {
    const list = [terminator('cheap'), terminator('dear', { cost: 9 }), terminator('failed', { precedence: 2 })]
    expect(chooseTerminator(list, '', ({ id }) => ({ ...idle, tried: id === 'cheap' }))).toBe(list[1])
    expect(chooseTerminator(list, '', ({ id }) => ({ ...idle, tried: id !== 'failed' }))).toBe(list[0])
  })
})
