import { describe, expect, it } from 'vitest'
import { checkAbility, hasNetAdmin } from './privilege.ts'

const status = (effective: string): string => `Name:\tnode\nCapInh:\t0000000000000000\nCapEff:\t${effective}\nCapBnd:\t000001ffffffffff\n`

describe('what interception needs of a process', () => {
  it('reads the effective capabilities', () => {
    expect(hasNetAdmin(status('000001ffffffffff'))).toBe(true)
    expect(hasNetAdmin(status('0000000000001400'))).toBe(true)
    expect(hasNetAdmin(status('0000000000000400'))).toBe(false)
    expect(hasNetAdmin('')).toBe(false)
  })

  it('is refused in one line that names the capability and the remedies', () => {
    expect(() => checkAbility('run', 'linux', () => status('0'))).toThrow(/^'run' changes .*CAP_NET_ADMIN: run it with sudo, .*AmbientCapabilities=.*'ziti-tunnel proxy'[^\n]*$/)
    expect(() => checkAbility('tproxy', 'linux', () => status('000001ffffffffff'))).not.toThrow()
  })

  it('is Linux', () => {
    expect(() => checkAbility('run', 'darwin', () => '')).toThrow(/^'run' intercepts by means of Linux, and this is darwin; use 'ziti-tunnel proxy'/)
  })
})
