import type { ResolverFacts } from '@tunnel/linux'
import { describe, expect, it } from 'vitest'
import type { Session } from '../session.ts'
import { commandWith, reportSelfTest } from './self-test-report.ts'

const facts = {
  manager: 'dhclient',
  method: 'file',
  file: { path: '/etc/resolv.conf', target: '/etc/resolv.conf', writable: true },
  line: '/etc/resolv.conf is a regular file => dhclient',
} as unknown as ResolverFacts
const wanted = { servers: [{ address: '127.0.0.1', port: 53 }], domains: [] }

function sessionOf(selfTest: 'require' | 'warn', configureResolver = false) {
  const lines: string[] = []
  const session = {
    command: 'run',
    options: { identities: ['ziti.json'], identityDirectory: undefined, intercept: { selfTest, configureResolver, resolver: { kind: 'server', listen: [] } } },
    log: (severity: string, _source: string, message: string) => lines.push(`${severity}: ${message}`),
  } as unknown as Session
  return { session, lines }
}

describe('reportSelfTest', () => {
  it('ends the program with the exact command that helps, after the guidance for this host', () => {
    const { session, lines } = sessionOf('require')
    expect(() => reportSelfTest(session, 'the system resolver knows no such name', facts, wanted)).toThrow(
      'the DNS self-test failed: the system resolver knows no such name when asked for ziti-tunnel.resolver.test, and 19.65.28.94 is right; ' +
        'let it be set up with: sudo ziti-tunnel run --configure-resolver -i ziti.json; or go on without names by --dns-self-test warn',
    )
    expect(lines).toEqual(expect.arrayContaining(['warn:     prepend domain-name-servers 127.0.0.1;', 'warn:     sudo ziti-tunnel run --configure-resolver -i ziti.json']))
  })

  it('only warns where that was asked for', () => {
    const { session, lines } = sessionOf('warn')
    reportSelfTest(session, 'the system resolver gets no answer', facts, wanted)
    expect(lines.at(-1)).toMatch(/^warn: the DNS self-test failed: .*programs of this host will not find services by name$/)
  })

  it('does not advise what was done already', () => {
    const { session, lines } = sessionOf('require', true)
    expect(() => reportSelfTest(session, 'x', facts, wanted)).toThrow(/^(?!.*--configure-resolver)/)
    expect(lines).toEqual(['info: /etc/resolv.conf is a regular file => dhclient'])
  })
})

it('commandWith names the identities of this run', () => {
  const options = { identities: ['a.json', 'b.json'], identityDirectory: undefined } as unknown as Session['options']
  expect(commandWith('--x', { command: 'tproxy', options })).toBe('sudo ziti-tunnel tproxy --x -i a.json -i b.json')
  expect(commandWith('--x', { command: 'run', options: { ...options, identityDirectory: '/ids' } })).toBe('sudo ziti-tunnel run --x --identity-dir /ids')
})
