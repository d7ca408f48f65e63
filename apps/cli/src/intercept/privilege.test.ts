import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { probeCapabilities } from '@tunnel/linux'
import { describe, expect, it } from 'vitest'
import { checkAbility } from './privilege.ts'

const status = (effective: string): string => `Name:\tnode\nCapInh:\t0000000000000000\nCapEff:\t${effective}\nCapBnd:\t000001ffffffffff\n`

describe('what interception needs of a process', () => {
  it('is the effective capability', () => {
    for (const enough of ['000001ffffffffff', '0000000000001400']) expect(() => checkAbility('run', 'linux', () => status(enough))).not.toThrow()
    for (const less of [status('0000000000000400'), '']) expect(() => checkAbility('run', 'linux', () => less)).toThrow(/CAP_NET_ADMIN/)
  })

  it('is told as doctor tells it', async () => {
    const root = mkdtempSync(join(tmpdir(), 'privilege-'))
    try {
      mkdirSync(join(root, 'proc/self'), { recursive: true })
      writeFileSync(join(root, 'proc/self/status'), status('0'))
      const [capability] = await probeCapabilities({ root })
      const [given] = /AmbientCapabilities=[A-Z_ ]+\b/.exec(capability?.remedy ?? '') ?? []
      expect(given).toContain('CAP_NET_BIND_SERVICE')
      expect(() => checkAbility('run', 'linux', () => status('0'))).toThrow(given)
    } finally {
      rmSync(root, { recursive: true })
    }
  })

  it('is refused in one line that names the capability and the remedies', () => {
    expect(() => checkAbility('run', 'linux', () => status('0'))).toThrow(/^'run' changes .*CAP_NET_ADMIN: run it with sudo, .*AmbientCapabilities=.*'ziti-tunnel proxy'[^\n]*$/)
    expect(() => checkAbility('tproxy', 'linux', () => status('000001ffffffffff'))).not.toThrow()
  })

  it('is Linux', () => {
    expect(() => checkAbility('run', 'darwin', () => '')).toThrow(/^'run' intercepts by means of Linux, and this is darwin; use 'ziti-tunnel proxy'/)
  })
})
