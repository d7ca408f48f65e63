import { CodedError } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { withOwner } from './dns-service.ts'

const at = { address: '127.0.0.1', port: 53 }

it('says who has the port of the DNS server, and what to do', async () => {
  const error = await withOwner(new CodedError('dns.port-in-use', 'in use'), [at], false, async (protocol) => (protocol === 'udp' ? undefined : 'dnsmasq (pid 812)'))
  expect(error).toMatchObject({
    code: 'dns.port-in-use',
    message: "the DNS server cannot listen on 127.0.0.1:53: dnsmasq (pid 812) has that port. Stop it, give ours another address (--resolver udp://127.0.0.2:53); or intercept with 'ziti-tunnel tun', whose DNS server needs no port of this host",
  })
  const tun = await withOwner(new CodedError('dns.port-in-use', 'in use'), [at], true, async () => 'dnsmasq (pid 812)')
  expect(tun).toMatchObject({ message: expect.stringMatching(/or leave out --resolver: ours is asked inside the tunnel then$/) })
  const ours = await withOwner(new CodedError('dns.port-in-use', 'in use'), [at], false, async () => 'ziti-tunnel run (pid 813)')
  expect(ours).toMatchObject({ message: expect.stringContaining('ziti-tunnel run (pid 813) has that port. Give that one this identity too (-i, repeatable)') })
  const other = new CodedError('dns.port-forbidden', 'no')
  expect(await withOwner(other, [at], false)).toBe(other)
})
