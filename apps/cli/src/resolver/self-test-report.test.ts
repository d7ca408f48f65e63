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
    argv: ['run', '-r', 'udp://127.0.0.2:53', 'my ziti.json'],
    options: { intercept: { selfTest, configureResolver, resolver: { kind: 'server', listen: [] } } },
    log: (severity: string, _source: string, message: string) => lines.push(`${severity}: ${message}`),
  } as unknown as Session
  return { session, lines }
}

describe('reportSelfTest', () => {
  it('ends the program with the exact command that helps, after the guidance for this host', () => {
    const { session, lines } = sessionOf('require')
    expect(() => reportSelfTest(session, 'the system resolver knows no such name', { facts, wanted, taken: false })).toThrow(
      'the DNS self-test failed: the system resolver knows no such name when asked for ziti-tunnel.resolver.test, and 19.65.28.94 is right; ' +
        "let it be set up with: sudo ziti-tunnel run -r udp://127.0.0.2:53 'my ziti.json' --configure-resolver; or go on without names by --dns-self-test warn",
    )
    expect(lines).toContain('warn:     prepend domain-name-servers 127.0.0.1;')
    expect(lines.at(-1)).toMatch(/^warn: +sudo ziti-tunnel run .* --resolver file:\/\/\/etc\/hosts$/)
    // It is said once.
    expect(lines.join()).not.toContain('--configure-resolver')
  })

  it('only warns where that was asked for', () => {
    const { session, lines } = sessionOf('warn')
    reportSelfTest(session, 'the system resolver gets no answer', { facts, wanted, taken: false })
    expect(lines).toContain("warn:     sudo ziti-tunnel run -r udp://127.0.0.2:53 'my ziti.json' --configure-resolver")
    expect(lines.at(-1)).toMatch(/^warn: the DNS self-test failed: .*programs of this host will not find services by name$/)
  })

  it('does not advise what cannot be done here', () => {
    const { session } = sessionOf('require')
    const readOnly = { ...facts, file: { ...facts.file, writable: false } }
    expect(() => reportSelfTest(session, 'x', { facts: readOnly, wanted, taken: false })).toThrow(/is right; the lines above say what to do; or go on/)
  })

  it.each(['require', 'warn'] as const)('does not advise what another tunneler would undo (%s)', (mode) => {
    const { session, lines } = sessionOf(mode)
    const report = (): void => reportSelfTest(session, 'x', { facts, wanted, taken: true })
    if (mode === 'require') expect(report).toThrow(/another ziti-tunnel .*\(-i, repeatable\), or .*: sudo ziti-tunnel run .* --resolver file:\/\/\/etc\/hosts; or go on/)
    else report()
    const said = lines.join('\n')
    expect(said).not.toMatch(/--configure-resolver|prepend/)
    if (mode === 'warn') expect(lines.at(-1)).toMatch(/^warn: .*by name: another ziti-tunnel .*\(-i, repeatable\)/)
  })

  it('does not advise what was done already', () => {
    const { session, lines } = sessionOf('require', true)
    expect(() => reportSelfTest(session, 'x', { facts, wanted, taken: false })).toThrow(/^(?!.*--configure-resolver)/)
    expect(lines).toEqual(['info: /etc/resolv.conf is a regular file => dhclient'])
  })
})

it.each([
  [['run', 'ziti.json'], 'run ziti.json --x'],
  [['-i', 'a.json', 'tproxy', '-i', "it's.json"], String.raw`-i a.json tproxy -i 'it'\''s.json' --x`],
  [['run', '--proxy', 'http://me:secret@10.0.0.1:3128'], 'run --proxy http://...@10.0.0.1:3128 --x'],
])('commandWith keeps the words of this run: %j', (argv, expected) => {
  expect(commandWith('--x', { argv })).toBe(`sudo ziti-tunnel ${expected}`)
})
