import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quoteComment } from './comment.ts'
import { renderIptablesRule, type IptablesRule } from './iptables-rule.ts'
import { planRemoval } from './remove-chain.ts'
import { renderRestore } from './restore-text.ts'

/** Halves of characters, line breaks and all. */
const anyText = fc.uint16Array({ maxLength: 400 }).map((units) => String.fromCharCode(...units))

describe('a comment for iptables-restore', () => {
  it('is quoted, and never begins like an option', () => {
    expect(quoteComment('wttr.in')).toBe('"wttr.in"')
    expect(quoteComment('a "b" \\c')).toBe('"a \\"b\\" \\\\c"')
    expect(quoteComment('--table')).toBe('" --table"')
    expect(quoteComment('a\nCOMMIT\n*filter')).toBe('"a COMMIT *filter"')
    expect(quoteComment(' \n\0')).toBeUndefined()
  })

  it('stays on its line and within 255 bytes, whatever it is', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const quoted = quoteComment(text)
        if (quoted === undefined) return
        const inside = quoted.slice(1, -1)
        expect(inside).not.toMatch(/^-|\p{Cc}/u)
        expect(inside.replaceAll(/\\["\\]/g, '')).not.toMatch(/["\\]/)
        expect(Buffer.byteLength(inside.replaceAll(/\\(.)/gs, '$1'))).toBeLessThanOrEqual(255)
      }),
    )
  })
})

describe('a rule of iptables', () => {
  it('reads as the original writes it', () => {
    const rule: IptablesRule = {
      comment: 'ssh-scarey',
      destination: '169.254.1.1/32',
      protocol: 'tcp',
      destinationPorts: { low: 22, high: 22 },
      target: { address: '127.0.0.1', port: 33355, mark: 0x1, mask: 0x1 },
    }
    expect(renderRestore('mangle', [{ change: 'insert', chain: 'NF-INTERCEPT', position: 1, rule }])).toBe(
      '*mangle\n-I NF-INTERCEPT 1 -m comment --comment "ssh-scarey" -d 169.254.1.1/32 -p tcp -m tcp --dport 22:22' +
        ' -j TPROXY --on-ip 127.0.0.1 --on-port 33355 --tproxy-mark 0x1/0x1\nCOMMIT\n',
    )
  })

  it('marks exactly one flow, and passes replies', () => {
    const ends = { source: '192.0.2.1/32', sourcePort: 4000, destination: '192.0.2.9/32', protocol: 'udp', destinationPorts: { low: 53, high: 53 } } as const
    expect(renderIptablesRule({ ...ends, target: { setMark: { value: 0x1, mask: 0x1 } } })).toBe(
      '-s 192.0.2.1/32 -d 192.0.2.9/32 -p udp -m udp --sport 4000 --dport 53:53 -j MARK --set-xmark 0x1/0x1')
    expect(renderIptablesRule({ reply: true, target: 'RETURN' })).toBe('-m conntrack --ctdir REPLY -j RETURN')
  })

  it('has no place for more than one word', () => {
    const bad: IptablesRule[] = [
      { inInterface: 'eth0 -j ACCEPT', target: 'DROP' },
      { inInterface: '-j', target: 'DROP' },
      { destination: '1.2.3.4\n-F', target: 'DROP' },
      { source: '1.2.3.4/8/8', target: 'DROP' },
      { source: 'localhost', target: 'DROP' },
      { target: { chain: 'A -t nat' } },
      { target: { address: 'x', port: 1, mark: 1, mask: 1 } },
    ]
    for (const rule of bad) expect(() => renderIptablesRule(rule)).toThrow(/cannot stand behind/)
    expect(() => renderRestore('mangle', [{ change: 'newChain', chain: 'A\nCOMMIT' }])).toThrow('cannot be the name of a chain')
  })
})

describe('the removal of a chain', () => {
  const owned = { family: 4, table: 'mangle', chain: 'NF', hook: 'PREROUTING', owner: 'ziti-tunnel 1.2' } as const
  const link = '-A PREROUTING -m comment --comment "ziti-tunnel 1.2" -j NF'

  it('deletes what is listed, as it is listed, also links that were doubled', () => {
    expect(planRemoval([':NF - [0:0]', link, link, '-A NF -j RETURN'], owned)).toEqual({
      lines: [link.replace('-A', '-D'), link.replace('-A', '-D'), '-F NF', '-X NF'],
      outcome: 'done',
    })
  })

  it('has nothing to do when the chain is gone', () => {
    expect(planRemoval([':PREROUTING ACCEPT [0:0]', '-A PREROUTING -j OTHER'], owned)).toEqual({ lines: [], outcome: 'done' })
  })

  it('takes an empty chain without links, which a flush of all rules leaves', () => {
    expect(planRemoval([':NF - [0:0]'], owned)).toEqual({ lines: ['-F NF', '-X NF'], outcome: 'done' })
  })

  it('leaves a chain that another instance, or another program, has linked', () => {
    const theirs = '-A PREROUTING -m comment --comment "ziti-tunnel 1.23" -j NF'
    expect(planRemoval([':NF - [0:0]', theirs, '-A NF -j ACCEPT'], owned)).toMatchObject({ lines: [], outcome: { notOurs: expect.any(String) } })
  })
})
