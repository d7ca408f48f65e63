import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
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
