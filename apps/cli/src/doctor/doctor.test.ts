import { describe, expect, it } from 'vitest'
import { fail, ok, warn } from './check.ts'
import { checkListeners, checkResolver, toChecks } from './check-host.ts'
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

  it('fits the terminal', () => {
    const checks = [warn('resolver', 'a regular file; no systemd-resolved; no resolvconf', 'names of services by a hosts file, or by hand')]
    const [, ...lines] = renderChecks(checks, { colours: false, width: 50 }).split('\n')
    expect(lines.slice(0, 3)).toEqual(['                systemd-resolved; no resolvconf', '                -> names of services by a hosts', '                   file, or by hand'])
  })

  it('colours the state alone, on terminals', () => {
    expect(renderChecks([ok('a', 'b')], { colours: true })).toContain('\u001b[32mok  \u001b[0m  a')
  })

  it('says whether all is well', () => {
    expect(verdict([ok('a', '')])).toBe('Ready.')
    expect(verdict([ok('a', ''), warn('b', '')])).toBe('Ready, with 1 warning.')
  })

  it('says what works without privilege', () => {
    const noPrivilege = [fail('CAP_NET_ADMIN', 'missing', 'sudo'), ok('user namespaces', 'allowed')]
    expect(verdict(noPrivilege)).toMatch(/^1 of 2 checks failed: .*changed; proxy will, without root\.$/)
    expect(verdict([...noPrivilege, ok('/dev/net/tun', 'can be opened')])).toMatch(/changed; exec and proxy will, without root\.$/)
    expect(verdict([...noPrivilege, fail('login', 'refused', 'enroll')])).toMatch(/^2 of 3 checks failed: .*changed\.$/)
  })
})

describe('checks', () => {
  it('of who lacks the privilege: that is said once, with what to do', () => {
    const remedy = 'a remedy'
    const probes = [
      { name: 'CAP_NET_ADMIN', ok: false, detail: 'missing', remedy },
      { name: 'CAP_NET_RAW', ok: 'warn' as const, detail: 'missing', remedy },
      { name: 'nftables', ok: false, detail: 'needs CAP_NET_ADMIN', remedy },
      { name: 'ip_forward', ok: 'warn' as const, detail: 'off', remedy },
    ]
    expect(toChecks(probes)).toEqual([
      fail('CAP_NET_ADMIN', 'missing', remedy),
      warn('CAP_NET_RAW', 'missing'),
      warn('nftables', 'cannot be tried without CAP_NET_ADMIN'),
      warn('ip_forward', 'off', remedy),
    ])
  })

  it('of who has it: one means of interception is enough', () => {
    const admin = { name: 'CAP_NET_ADMIN', ok: true, detail: 'effective' }
    const probe = (name: string, good: boolean) => ({ name, ok: good, detail: 'found', remedy: 'a remedy' })
    const checks = (nftables: boolean, iptables: boolean, tun: boolean) =>
      toChecks([admin, probe('nftables', nftables), probe('iptables', iptables), probe('transparent sockets', true), { ...probe('/dev/net/tun', tun), ok: tun || ('warn' as const) }])
    expect(checks(true, false, true)).toEqual(expect.arrayContaining([warn('iptables', 'found', 'a remedy'), ok('interception', "'run' takes tproxy, by nftables")]))
    expect(checks(false, true, false).at(-1)).toEqual(ok('interception', "'run' takes tproxy, by iptables"))
    expect(checks(false, false, true)).toEqual(expect.arrayContaining([warn('nftables', 'found', 'a remedy'), ok('interception', "'run' takes tun: TPROXY cannot be had here")]))
    expect(checks(false, false, false)).toEqual(expect.arrayContaining([fail('nftables', 'found', 'a remedy'), expect.objectContaining({ name: 'interception', state: 'fail' })]))
  })

  it('the DNS server of ours: where it is told to listen', async () => {
    const owners: Record<string, string> = { '127.0.0.1': 'dnsmasq (pid 812)', '127.0.0.2': 'ziti-tunnel run (pid 813)' }
    const endpoints = ['127.0.0.1', '127.0.0.2', '::1'].map((address) => ({ address, port: 53 }))
    expect(await checkListeners(endpoints, async (protocol, { address }) => (protocol === 'tcp' ? owners[address] : undefined))).toEqual([
      warn('port 53 on 127.0.0.1', 'taken by dnsmasq (pid 812)', "stop that program, listen elsewhere (--resolver udp://127.0.0.2:53), or use 'ziti-tunnel tun', which is asked inside its tunnel then"),
      ok('port 53 on 127.0.0.2', 'ziti-tunnel run (pid 813) answers there; another one beside it needs another address'),
      ok('port 53 on ::1', 'free'),
    ])
  })

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
