import { describe, expect, it } from 'vitest'
import { lanHints } from './lan-interfaces.ts'

describe('hints for a gateway', () => {
  const settings = (values: Record<string, string>) => (path: string) => values[path.replace('/proc/sys/net/ipv4/', '')]
  it('are about what drops packets of neighbours', () => {
    const strict = settings({ 'conf/all/rp_filter': '0\n', 'conf/eth0/rp_filter': '1\n', ip_forward: '0\n' })
    expect(lanHints(['eth0'], strict)).toEqual([expect.stringContaining('net.ipv4.conf.eth0.rp_filter=2'), expect.stringContaining('net.ipv4.ip_forward=1')])
    expect(lanHints(['eth0'], settings({ 'conf/all/rp_filter': '2\n', 'conf/eth0/rp_filter': '1\n', ip_forward: '1\n' }))).toEqual([])
    expect(lanHints([], strict)).toEqual([])
  })
})
