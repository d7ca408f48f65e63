import type { Namespace } from '../netns/namespace.ts'
import type { Running } from '../programs.ts'
import { unpackManager, type UnpackedManager } from './unpacked-packages.ts'

/** A resolver manager that runs in a namespace, with files of its own. */
export interface ManagerProcess {
  readonly manager: UnpackedManager
  /** As `systemctl restart` does: it reads its configuration again. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** What the network of the host has told the manager, as a DHCP client would. */
export interface NetworkWords {
  readonly nameservers: readonly string[]
  readonly search?: readonly string[]
}

/**
 * Makes `space` a host whose /etc/resolv.conf is managed by this program. The mount namespace must have its own /run
 * and /etc already (`giveOwnFiles`, or a world of `createWorld`): nothing here looks at the machine's.
 */
export async function startManager(space: Namespace, manager: UnpackedManager, words: NetworkWords): Promise<ManagerProcess> {
  const unpacked = await unpackManager(manager)
  if ('missing' in unpacked) throw new Error(unpacked.missing)
  await mustShell(space, `
    [ "$(stat -c %d /etc)" != "$(stat -c %d /proc/1/root/etc)" ] || { echo 'this is the /etc of the machine' >&2; exit 1; }
    mount -t overlay none -o "lowerdir=$FOLDER/usr:/usr" /usr
    cp -a "$FOLDER/etc/." /etc/
  `, { FOLDER: unpacked.folder })
  const running = manager === 'systemd-resolved' ? await startResolved(space, words) : []
  if (manager !== 'systemd-resolved') await startResolvconf(space, manager, words)
  return {
    manager,
    async restart() {
      const daemon = running.pop()
      if (!daemon) return
      await daemon.stop()
      running.push(await startResolvedDaemon(space))
    },
    async stop() {
      await Promise.all(running.toReversed().map((each) => each.stop()))
    },
  }
}

/** /run and /etc of its own for a bare namespace; `resolvConf` is the text of the plain file. */
export async function giveOwnFiles(space: Namespace, resolvConf: string): Promise<void> {
  await mustShell(space, `
    mount -t tmpfs none /run
    etc=$(mktemp -d) && mount -t tmpfs none "$etc" && cp -a /etc/. "$etc"
    rm -f "$etc/resolv.conf" && printf '%s' "$TEXT" > "$etc/resolv.conf"
    mount --move "$etc" /etc && rmdir "$etc"
  `, { TEXT: resolvConf })
}

async function startResolved(space: Namespace, words: NetworkWords): Promise<Running[]> {
  await mustShell(space, `
    for user in messagebus systemd-resolve; do
      grep -q "^$user:" /etc/group || echo "$user:x:$((61000 + \${#user})):" >> /etc/group
      grep -q "^$user:" /etc/passwd || echo "$user:x:$((61000 + \${#user})):$((61000 + \${#user}))::/nonexistent:/usr/sbin/nologin" >> /etc/passwd
    done
    sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf
    mkdir -p /run/dbus /run/systemd/resolve /etc/systemd/resolved.conf.d
    chown systemd-resolve:systemd-resolve /run/systemd/resolve
    printf '[Resolve]\\nDNS=%s\\nDomains=%s\\nFallbackDNS=\\nMulticastDNS=no\\nLLMNR=no\\n' "$SERVERS" "$SEARCH" > /etc/systemd/resolved.conf.d/network.conf
    ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
  `, { SERVERS: words.nameservers.join(' '), SEARCH: (words.search ?? []).join(' ') })
  const bus = space.start('dbus-daemon', ['--system', '--nofork', '--nopidfile', '--print-address=1'])
  await bus.line(/unix:/)
  return [bus, await startResolvedDaemon(space)]
}

async function startResolvedDaemon(space: Namespace): Promise<Running> {
  const resolved = space.start('/usr/lib/systemd/systemd-resolved', [])
  await mustShell(space, 'for i in $(seq 100); do resolvectl status >/dev/null 2>&1 && exit 0; sleep 0.05; done; exit 1', {})
  return resolved
}

async function startResolvconf(space: Namespace, manager: 'resolvconf' | 'openresolv', words: NetworkWords): Promise<void> {
  await mustShell(space, `
    ${manager === 'resolvconf' ? 'mkdir -p /run/resolvconf/interface && ln -sf /run/resolvconf/resolv.conf /etc/resolv.conf && resolvconf --enable-updates' : ':'}
    printf '%s' "$RECORD" | resolvconf -a eth0.dhclient
  `, { RECORD: [...(words.search ? [`search ${words.search.join(' ')}`] : []), ...words.nameservers.map((each) => `nameserver ${each}`), ''].join('\n') })
}

async function mustShell(space: Namespace, script: string, environment: Record<string, string>): Promise<void> {
  const { code, stderr, stdout } = await space.run('sh', ['-ec', script], { environment })
  if (code !== 0) throw new Error(`a resolver manager could not be set up: ${stderr || stdout}`)
}
