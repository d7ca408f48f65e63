import type { Namespace } from './namespace.ts'

/**
 * Everything of a host that interception may touch, as text, one section for each question: what a tunneler leaves
 * behind shows as a difference between two dumps.
 */
export async function dumpHost(host: Namespace): Promise<string> {
  const { stdout } = await host.run('sh', ['-c', script], { seconds: 20 })
  return stdout
}

// Counters and lifetimes differ from one look to the next and are not state. `|| true`: a family or a program may be absent.
const script = `
section() { echo "== $1"; shift; "$@" 2>/dev/null | sed -E 's/ (expires|valid_lft|preferred_lft|age) [^ ]+//g; s/\\[[0-9]+:[0-9]+\\]//; s/ tentative//; s/counter packets [0-9]+ bytes [0-9]+/counter/; /^#/d' || true; }
section nft nft list ruleset
section iptables iptables-save
section ip6tables ip6tables-save
section iptables-legacy iptables-legacy-save
section ip6tables-legacy ip6tables-legacy-save
section links ip -o link show
section addresses ip -o address show
section rules ip rule show
section rules6 ip -6 rule show
section routes ip route show table all
section routes6 ip -6 route show table all
section resolv.conf-kind stat -c '%F %a %u:%g %N' /etc/resolv.conf
section resolv.conf cat /etc/resolv.conf
section hosts cat /etc/hosts
section etc ls -A /etc
section resolvconf sh -c 'ls -A /run/resolvconf/interface /run/resolvconf/interfaces; cat /run/resolvconf/interface*/*'
# Which server was asked last is no setting, and shifts the columns.
section resolved sh -c '[ -S /run/dbus/system_bus_socket ] && resolvectl status --no-pager | grep -v "Current DNS Server" | sed "s/^ *//"'
`

/** Lines that only one of two dumps has, marked `-` and `+`: empty when nothing is left. */
export function dumpDifference(before: string, after: string): string[] {
  const count = (text: string): Map<string, number> => {
    const lines = new Map<string, number>()
    let section = ''
    for (const line of text.split('\n')) {
      if (line.startsWith('== ')) section = line
      const key = section + ' | ' + line
      lines.set(key, (lines.get(key) ?? 0) + 1)
    }
    return lines
  }
  const [old, now] = [count(before), count(after)]
  return [
    ...[...old].filter(([line, times]) => (now.get(line) ?? 0) < times).map(([line]) => '- ' + line),
    ...[...now].filter(([line, times]) => (old.get(line) ?? 0) < times).map(([line]) => '+ ' + line),
  ]
}
