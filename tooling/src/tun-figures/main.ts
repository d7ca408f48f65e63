/**
 * What a TUN with our stack carries: the kernel's TCP sends to a sink of the stack, and takes from a source of it. As root, in a network of its own:
 * `unshare -n node --conditions=tunnel-source tooling/src/tun-figures/main.ts`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openRouteControl, openTunDevice, type TunDeviceOptions } from '@tunnel/linux'
import { createNetstack, type Netstack } from '@tunnel/netstack'

const seconds = 2
const host = '10.9.1.7'
const ports = { up: 5001, down: 5002 } as const
type Direction = keyof typeof ports

const clients: Readonly<Record<Direction, string>> = {
  up: `
import socket, time
s = socket.create_connection(('${host}', ${ports.up})); b = bytes(262144); end = time.time() + ${seconds}
while time.time() < end: s.sendall(b)`,
  down: `
import socket, time
s = socket.create_connection(('${host}', ${ports.down})); b = bytearray(1 << 18); end = time.time() + ${seconds}
while time.time() < end: s.recv_into(b)`,
}

/** Takes all that comes to the one port, and sends without end from the other. */
function serve(stack: Netstack, count: (bytes: number) => void): void {
  const chunk = new Uint8Array(65_536)
  stack.onConnect((request) => {
    const flow = request.accept()
    const more = (): void => {
      while (request.to.port === ports.down && flow.send(chunk, () => count(chunk.length)));
    }
    flow.attach({ data: ({ length }) => count(length), end: () => flow.end(), drain: more, close: () => {} })
    more()
  })
}

async function measure(mode: TunDeviceOptions, direction: Direction): Promise<string> {
  const device = openTunDevice(mode)
  const control = openRouteControl()
  control.addAddress({ family: 4, address: '10.9.0.1', prefixLength: 32, device: device.name })
  control.addRoutes([{ family: 4, destination: '10.9.1.0/24', device: device.name }])
  control.close()
  const stack = createNetstack({ device, any: true })
  let bytes = 0
  serve(stack, (more) => (bytes += more))
  const before = process.cpuUsage()
  await once(spawn('python3', ['-c', clients[direction]], { stdio: 'inherit' }), 'close')
  const { user, system } = process.cpuUsage(before)
  await stack.close()
  const gigabytes = bytes / 1e9
  return `${direction} ${JSON.stringify(mode)}: ${Math.round((gigabytes * 1000) / seconds)} MB/s, ${((user + system) / 1e6 / gigabytes).toFixed(2)} CPU s/GB`
}

const modes = [{ mtu: 1500 }, { mtu: 65_535 }, { mtu: 65_535, offloads: 'none' }, { mtu: 1500, offloads: 'none' }] as const
for (const direction of ['up', 'down'] as const) for (const mode of modes) console.log(await measure(mode, direction))
