import { CodedError } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { explained } from './dns-service.ts'

const at = { address: '127.0.0.1', port: 53 }

it('says who has the port of the DNS server, and what to do', async () => {
  const error = await explained(new CodedError('dns.port-in-use', 'in use'), [at], false, async (protocol) => (protocol === 'udp' ? undefined : 'dnsmasq (pid 812)'))
  expect(error).toMatchObject({
    code: 'dns.port-in-use',
    message: "the DNS server cannot listen on 127.0.0.1:53: dnsmasq (pid 812) has that port. Stop it, give ours another address (--resolver udp://127.0.0.2:53); or intercept with 'ziti-tunnel tun', whose DNS server needs no port of this host",
  })
  const tun = await explained(new CodedError('dns.port-in-use', 'in use'), [at], true, async () => 'dnsmasq (pid 812)')
  expect(tun).toMatchObject({ message: expect.stringMatching(/or leave out --resolver: ours is asked inside the tunnel then$/) })
  const ours = await explained(new CodedError('dns.port-in-use', 'in use'), [at], false, async () => 'ziti-tunnel run (pid 813)')
  expect(ours).toMatchObject({ message: expect.stringContaining('ziti-tunnel run (pid 813) has that port. Give that one this identity too (-i, repeatable)') })
  const other = new CodedError('dns.address-unavailable', 'no')
  expect(await explained(other, [at], false)).toBe(other)
})

it('says what else there is where the port needs a privilege', async () => {
  const forbidden = new CodedError('dns.port-forbidden', 'Cannot listen on udp://127.0.0.1:53: port 53 needs a privilege. Choose one from 1024 up, or run with CAP_NET_BIND_SERVICE')
  const without = (await explained(forbidden, [at], false)) as CodedError
  expect([without.code, without.message]).toEqual(['dns.port-forbidden', `${forbidden.message}; or intercept with 'ziti-tunnel tun', whose DNS server needs no port of this host`])
  expect(await explained(forbidden, [at], true)).toMatchObject({ message: `${forbidden.message}; or leave out --resolver: ours is asked inside the tunnel then` })
})
