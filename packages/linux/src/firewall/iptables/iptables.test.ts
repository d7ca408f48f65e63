import { describe, expect, it } from 'vitest'
import { noNetwork } from '../../../../../tooling/src/testing-host/own-network.ts'
import { inNamespace } from '../testing-host/in-namespace.ts'
import { openIptables } from './iptables-control.ts'
import { probeIptables } from './probe-iptables.ts'

const play = <T>(scenario: string): Promise<T> => inNamespace('iptables', scenario)
/** nft and legacy, IPv4 and IPv6. */
const settings = 4

describe.skipIf(noNetwork)('iptables of both kinds in a network namespace (needs root)', { timeout: 60_000 }, () => {
  it('makes our chains, and undoes them twice to the same ruleset', async () => {
    const seen = await play<{ rules: string[]; outcomes: unknown[]; left: string[]; sameRuleset: boolean }[]>('wholeLife')
    expect(seen).toHaveLength(settings)
    expect(seen[0]?.rules).toEqual([
      '-A PREROUTING -m comment --comment "ziti-tunnel 4711.815" -j NF-INTERCEPT',
      '-A NF-INTERCEPT -m comment --comment "ziti-tunnel 4711.815" -m mark --mark 0x7a690000/0xffff0000 -j RETURN',
      '-A NF-INTERCEPT -s 10.0.0.0/8 -d 5.9.243.187/32 -p tcp -m comment --comment "wttr.in" -m tcp --dport 443:444' +
        ' -j TPROXY --on-port 33355 --on-ip 127.0.0.1 --tproxy-mark 0x1/0x1',
      '-A INPUT -m comment --comment "ziti-tunnel 4711.815" -j NF-INTERCEPT',
      '-A NF-INTERCEPT -i eth0 -m comment --comment "ziti-tunnel 4711.815" -m mark --mark 0x1/0x1 -j ACCEPT',
      '-A NF-INTERCEPT -i br+ -m mark --mark 0x1/0x1 -j ACCEPT',
    ])
    for (const each of seen) {
      expect(each.rules).toHaveLength(6)
      expect(each.outcomes).toEqual(['done', 'done', 'done', 'done'])
      expect(each).toMatchObject({ left: [], sameRuleset: true })
    }
  })

  it('leaves what others made', async () => {
    const seen = await play<{ blocked: unknown; free: unknown; stranger: unknown; left: string[]; expected: string[] }[]>('foreignRules')
    expect(seen).toHaveLength(settings)
    for (const { blocked, free, stranger, left, expected } of seen) {
      expect(blocked).toEqual({ notOurs: 'a rule of somebody else jumps to NF-INTERCEPT, so it stays, empty: -A OTHERS -j NF-INTERCEPT' })
      expect(free).toBe('done')
      expect(stranger).toEqual({ notOurs: 'the chain NF-INTERCEPT of table mangle has no mark of this instance (ziti-tunnel 4711.815)' })
      expect(left).toEqual(expected)
    }
  })

  it('takes any text for a comment', async () => {
    const seen = await play<{ wanted: number; listed: number; strange: string[] }[]>('comments')
    for (const { wanted, listed, strange } of seen) {
      expect(listed).toBe(wanted)
      expect(strange).toEqual([])
    }
  })

  it('names the line that was refused, and makes none', async () => {
    const seen = await play<{ error: { code: string; message: string; line: string }; left: string[] }[]>('refused')
    for (const { error, left } of seen) {
      expect(error).toMatchObject({ code: 'firewall.refused', line: '-F NOWHERE' })
      expect(error.message).toMatch(/restore: line 3 failed.*\(line 3: -F NOWHERE\)$/)
      expect(left).toEqual([])
    }
  })

  it('is probed without a trace', async () => {
    const ok = { ok: true }
    expect(await play('probe')).toEqual({ results: [ok, ok, ok, ok], leftNothing: true })
  })
})

describe('a host without iptables', () => {
  const missing = 'failed to initialize iptables handle: exec: "iptables": executable file not found in $PATH'

  it('is told in the words of the original', () => {
    expect(() => openIptables({ path: '/nonexistent:' })).toThrow(missing)
  })

  it('is what a probe finds', async () => {
    expect(await probeIptables(4, () => openIptables({ path: '' }))).toEqual({ ok: false, reason: missing })
  })
})
