import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { CodedError } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { withOwner } from './dns-service.ts'
import { inodesOf, ownerOfPort } from './port-owner.ts'

const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const row = (local: string, state: string, inode: string): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 2 0000000000000000 0\n`
const at = { address: '127.0.0.1', port: 53 }

it('finds sockets that stand in the way', () => {
  const table = header + row('3500007F:0035', '07', '1') + row('0100007F:0035', '07', '2') + row('00000000:0035', '07', '3') + row('0100007F:0036', '07', '4')
  expect(inodesOf(table, 'udp', at)).toEqual(['2', '3'])
  expect(inodesOf(header + row('0000000000000000FFFF00000100007F:0035', '0A', '5'), 'tcp', at)).toEqual(['5'])
})

it('takes connections that only pass by for none', () => {
  expect(inodesOf(header + row('0100007F:0035', '01', '6'), 'tcp', at)).toEqual([])
})

it.runIf(process.platform === 'linux')('names the process', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const endpoint = { address: '127.0.0.1', port: (server.address() as AddressInfo).port }
  expect(await ownerOfPort('tcp', endpoint)).toMatch(new RegExp(`^.+ \\(pid ${process.pid}\\)$`))
  server.close()
})

it('says who has the port of the DNS server, and what to do', async () => {
  const error = await withOwner(new CodedError('dns.port-in-use', 'in use'), [at], async (protocol) => (protocol === 'udp' ? undefined : 'dnsmasq (pid 812)'))
  expect(error).toMatchObject({
    code: 'dns.port-in-use',
    message: 'the DNS server cannot listen on 127.0.0.1:53: dnsmasq (pid 812) has that port. Stop it, or give ours another address: --resolver udp://127.0.0.2:53',
  })
  const ours = await withOwner(new CodedError('dns.port-in-use', 'in use'), [at], async () => 'ziti-tunnel run (pid 813)')
  expect(ours).toMatchObject({ message: expect.stringContaining('ziti-tunnel run (pid 813) has that port. Give that one this identity too (-i, repeatable)') })
  const other = new CodedError('dns.port-forbidden', 'no')
  expect(await withOwner(other, [at])).toBe(other)
})
