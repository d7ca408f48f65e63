// TUN sink: the kernel's TCP sends to the smallest peer there can be, which only acknowledges. Run as root:
//   unshare -n node --conditions=tunnel-source packages/linux/src/tun/testing-host/sink-figures.ts
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openRouteControl } from '../../netlink/route-control.ts'
import { openTunDevice, type TunDeviceOptions } from '../tun-device.ts'
import { startTinyPeer } from './tiny-peer.ts'

const seconds = 2
const sender = `
import socket, time
s = socket.create_connection(('10.9.1.7', 5001)); b = bytes(262144); end = time.time() + ${seconds}
while time.time() < end: s.sendall(b)`

async function measure(mode: TunDeviceOptions): Promise<string> {
  const device = openTunDevice(mode)
  const control = openRouteControl()
  control.addAddress({ family: 4, address: '10.9.0.1', prefixLength: 32, device: device.name })
  control.addRoutes([{ family: 4, destination: '10.9.1.0/24', device: device.name }])
  control.close()
  const peer = startTinyPeer(device)
  const before = process.cpuUsage()
  const child = spawn('python3', ['-c', sender], { stdio: 'inherit' })
  await once(child, 'close')
  const { user, system } = process.cpuUsage(before)
  await device.close()
  const gigabytes = peer.tcpBytes / 1e9
  return `${JSON.stringify(mode)}: ${Math.round((gigabytes * 1000) / seconds)} MB/s, ${((user + system) / 1e6 / gigabytes).toFixed(2)} CPU s/GB, largest segment ${peer.largestSegment}`
}

for (const mode of [{ mtu: 1500 }, { mtu: 65_535 }, { mtu: 65_535, offloads: 'none' }, { mtu: 1500, offloads: 'checksum' }, { mtu: 1500, offloads: 'none' }] as const) {
  process.stdout.write(`${await measure(mode)}\n`)
}
