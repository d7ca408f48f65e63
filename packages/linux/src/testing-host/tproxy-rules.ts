import { openRouteControl } from '../netlink/route-control.ts'
import { feed, run } from '../../../../tooling/src/testing-host/own-network.ts'

/** What is redirected, of each family. */
const redirected = { v4: '100.64.0.0/10', v6: 'fd64::/16' }
/** This host's own addresses, which clients have. */
export const hostAddress = { v4: '192.0.2.1', v6: '2001:db8::1' }

/** In the namespace of the test: the ranges are routed to `lo`, where TPROXY hands them to a local port. */
export function routeRanges(): void {
  const control = openRouteControl()
  run('ip', 'link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right')
  control.setLink('left', { up: true })
  control.addAddress({ family: 4, address: hostAddress.v4, prefixLength: 24, device: 'left' })
  control.addAddress({ family: 6, address: hostAddress.v6, prefixLength: 64, device: 'left' })
  control.addRoutes([
    { family: 4, destination: redirected.v4, type: 'local', device: 'lo', source: hostAddress.v4 },
    { family: 6, destination: redirected.v6, type: 'local', device: 'lo', source: hostAddress.v6 },
  ])
  control.close()
}

export function redirect(protocol: 'tcp' | 'udp', port: number): void {
  feed(
    `table inet redirect-${protocol} {
       chain prerouting {
         type filter hook prerouting priority mangle;
         ip daddr ${redirected.v4} meta l4proto ${protocol} tproxy ip to 127.0.0.1:${port} accept
         ip6 daddr ${redirected.v6} meta l4proto ${protocol} tproxy ip6 to [::1]:${port} accept
       }
     }
`,
    'nft',
    '-f',
    '-',
  )
}

/** Counts outgoing packets by mark. */
export function countMark(mark: number): () => number {
  const name = `count-${mark}`
  feed(
    `table inet ${name} {
       chain output {
         type filter hook output priority 0;
         meta mark ${mark} counter
       }
     }
`,
    'nft',
    '-f',
    '-',
  )
  return () => Number(/packets (\d+)/.exec(run('nft', 'list', 'table', 'inet', name))?.[1])
}
