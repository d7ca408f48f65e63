import { describe, expect, it } from 'vitest'
import { fail, ok, warn } from './check.ts'
import { checkResolver } from './check-host.ts'
import { checkClock } from './check-network.ts'
import { renderChecks, verdict } from './render-checks.ts'

describe('renderChecks', () => {
  it('is one screen, with what to do below each failure', () => {
    const checks = [ok('system', 'linux'), warn('port 53', 'taken', 'choose another'), fail('nftables', 'refused', 'modprobe nf_tables')]
    expect(renderChecks(checks, { colours: false })).toBe(
      [
        'ok    system    linux',
        'warn  port 53   taken',
        '                -> choose another',
        'fail  nftables  refused',
        '                -> modprobe nf_tables',
        '',
        '1 of 3 checks failed: ziti-tunnel run will not work here until that is changed.',
        '',
      ].join('\n'),
    )
  })

  it('colours the state alone, on terminals', () => {
    expect(renderChecks([ok('a', 'b')], { colours: true })).toContain('\u001b[32mok  \u001b[0m  a')
  })

  it('says whether all is well', () => {
    expect(verdict([ok('a', '')])).toBe('Ready.')
    expect(verdict([ok('a', ''), warn('b', '')])).toBe('Ready, with 1 warning.')
  })
})

describe('checks', () => {
  it('the clock', () => {
    expect(checkClock(1_000_000, 1_030_000)).toMatchObject({ state: 'ok' })
    expect(checkClock(1_000_000, 1_090_000)).toMatchObject({ state: 'fail', detail: 'is 90 s ahead of that of the controller' })
    expect(checkClock(1_000_000, 910_000)).toMatchObject({ state: 'fail', detail: 'is 90 s behind that of the controller' })
  })

  it('the resolver', () => {
    const file = { writable: true } as Parameters<typeof checkResolver>[0]['file']
    expect(checkResolver({ line: 'facts', method: 'file', file, nameservers: ['192.0.2.1'] })).toMatchObject({ state: 'ok', detail: 'facts' })
    expect(checkResolver({ line: 'facts', method: 'file', file, nameservers: [] })).toMatchObject({ state: 'warn', remedy: expect.stringContaining('--dnsUpstream') })
    const locked = { ...file, writable: false }
    expect(checkResolver({ line: 'facts', method: 'file', file: locked, nameservers: ['192.0.2.1'] })).toMatchObject({ state: 'warn', remedy: expect.stringContaining('file:///etc/hosts') })
  })
})
