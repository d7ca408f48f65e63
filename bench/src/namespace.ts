import { spawnSync } from 'node:child_process'
import { chooseCongestionControl, tellCongestionControl } from './congestion.ts'

const mark = 'TUNNEL_BENCH_NAMESPACE'

/** True inside the namespaces that `enterNamespace` makes: there, connections may be intercepted and the resolver set. */
export const inNamespace = process.env[mark] === '1'

// A host as most are: a link with a default route, though nobody is at its other end; files of its own where programs write.
const prepare = `
  set -e
  ip link set lo up
  ${chooseCongestionControl}
  ${tellCongestionControl}
  ip link add eth0 type veth peer name far0 && ip link set eth0 up && ip link set far0 up
  ip addr add 10.99.0.2/24 dev eth0 && ip route add default via 10.99.0.1
  mount -t tmpfs none /run && mount -t tmpfs none /var/lib
  etc=$(mktemp -d) && mount -t tmpfs none "$etc" && cp -a /etc/. "$etc" && rm -f "$etc/resolv.conf" && echo 'nameserver 10.99.0.1' > "$etc/resolv.conf"
  mount --move "$etc" /etc && rmdir "$etc"
  exec "$@"`

/** As root, runs this program once more in network and mount namespaces of its own, and ends as that does. */
export function enterNamespace(): void {
  if (inNamespace || process.getuid?.() !== 0) return
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const { status } = spawnSync('unshare', ['--net', '--mount', '--propagation', 'private', 'sh', '-c', prepare, 'bench', ...again], {
    stdio: 'inherit',
    env: { ...process.env, [mark]: '1' },
  })
  process.exit(status ?? 1)
}
