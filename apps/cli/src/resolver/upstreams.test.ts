import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createDnsServer } from '@tunnel/dns'
import { afterEach, expect, it } from 'vitest'
import { createUpstreams, upstreamUrls } from './upstreams.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => void (await Promise.all(closers.splice(0).map((close) => close()))))

async function serverThatSays(address: string): Promise<string> {
  const probe = createSocket('udp4').bind(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  const server = createDnsServer({ listen: [`udp://127.0.0.1:${port}`], resolvers: [() => ({ records: [{ type: 'A', ttl: 60, data: address }] })] })
  await server.start()
  closers.push(() => server.close())
  return `udp://127.0.0.1:${port}`
}

it('asks those that are upstreams now', async () => {
  const [first, second] = await Promise.all([serverThatSays('10.0.0.1'), serverThatSays('10.0.0.2')])
  const upstreams = createUpstreams([first], {})
  const server = createDnsServer({ resolvers: [upstreams.resolver] })
  closers.push(() => server.close())
  const ask = async (name: string) => (await server.ask(name, 'A')).records.map(({ data }) => data)
  expect(await ask('a.example')).toEqual(['10.0.0.1'])
  upstreams.replace([second])
  // Nothing of the old ones is remembered.
  expect(await ask('a.example')).toEqual(['10.0.0.2'])
  expect(upstreams.servers).toEqual([second])
  upstreams.replace([])
  expect((await server.ask('a.example', 'A')).rcode).toBe('REFUSED')
})

it('upstreamUrls leaves out what leads over a link of its own', () => {
  expect(upstreamUrls(['192.0.2.1', '2001:db8::1', 'fe80::1%eth0'])).toEqual(['udp://192.0.2.1:53', 'udp://[2001:db8::1]:53'])
})
