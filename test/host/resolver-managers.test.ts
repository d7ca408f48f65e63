import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { dumpDifference, dumpHost } from '../support/netns/host-dump.ts'
import { addAddress, createNamespace, hasNamespaces, type Namespace } from '../support/netns/namespace.ts'
import type { Running } from '../support/programs.ts'
import { giveOwnFiles, startManager, type ManagerProcess } from '../support/resolvers/manager-process.ts'
import { resolverPackages, unpackManager, type UnpackedManager } from '../support/resolvers/unpacked-packages.ts'

const program = fileURLToPath(new URL('../support/resolvers/resolver-program.ts', import.meta.url))
const machine = readFileSync('/etc/resolv.conf', 'utf8')
const [upstream, ours] = ['10.99.0.1', '100.64.0.1'] as const

/** Managers that this machine can have; none when it is not root. */
const available = new Set<string>()
for (const manager of Object.keys(resolverPackages) as UnpackedManager[]) {
  if (hasNamespaces && 'folder' in (await unpackManager(manager))) available.add(manager)
}

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
  expect(readFileSync('/etc/resolv.conf', 'utf8'), 'the resolv.conf of this machine').toBe(machine)
})

/** A host with a name server of its network, which says 10.0.0.9 to every question, and ours, which says 100.64.7.7. */
async function createHost(resolvConf = `nameserver ${upstream}\n`): Promise<Namespace> {
  const host = await createNamespace()
  endings.push(() => host.close())
  await giveOwnFiles(host, resolvConf)
  // systemd-resolved asks nobody while no link but loopback is up.
  await host.must('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'cable')
  // Without link-local addresses, whose routes appear some time after.
  for (const name of ['cable', 'eth0']) await host.must('ip', 'link', 'set', name, 'addrgenmode', 'none', 'up')
  await addAddress(host, 'eth0', `${upstream}/24`)
  startServer(host, upstream, '10.0.0.9')
  return host
}

function startServer(host: Namespace, address: string, answer: string): Running {
  const words = ['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--bind-interfaces', `--listen-address=${address}`, `--address=/#/${answer}`]
  const server = host.start('dnsmasq', words)
  endings.push(() => server.stop())
  return server
}

async function managed(host: Namespace, manager: UnpackedManager): Promise<ManagerProcess> {
  const running = await startManager(host, manager, { nameservers: [upstream], search: ['lan.test'] })
  endings.push(() => running.stop())
  return running
}

function tunneler(host: Namespace, ...words: string[]): Running {
  const state = mkdtempSync(join(tmpdir(), 'ziti-tunnel-resolver-'))
  const running = host.start(process.execPath, ['--conditions=tunnel-source', program, state, ...words])
  endings.push(() => running.signal('SIGKILL'))
  return running
}

const delay = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))
const ask = async (host: Namespace, name: string): Promise<string> => (await host.run('getent', ['ahostsv4', name])).stdout.split(/\s/)[0] ?? ''

async function restored(host: Namespace, before: string): Promise<void> {
  for (const deadline = Date.now() + 5000; Date.now() < deadline; await delay(20)) if (dumpDifference(before, await dumpHost(host)).length === 0) return
  expect(dumpDifference(before, await dumpHost(host))).toEqual([])
}

describe.skipIf(!available.has('systemd-resolved'))('systemd-resolved', () => {
  it('sends us our names only, and knows nothing of us after a kill', async () => {
    const host = await createHost()
    await managed(host, 'systemd-resolved')
    const before = await dumpHost(host)
    const running = tunneler(host, ours, '*.ziti,db.corp', 'ziti-dns', ours)
    expect(await running.line(/=>/)).toContain('systemd-resolved, by a link of ours')
    await running.line(/^link/)
    startServer(host, ours, '100.64.7.7')
    expect(await running.line(/^ready/)).toBe(`ready upstreams ${upstream}`)
    expect([await ask(host, 'a.ziti'), await ask(host, 'db.corp'), await ask(host, 'other.corp'), await ask(host, 'example.com')]).toEqual(
      ['100.64.7.7', '100.64.7.7', '10.0.0.9', '10.0.0.9'])
    running.signal('SIGKILL')
    await restored(host, before)
    expect(await ask(host, 'b.ziti')).toBe('10.0.0.9')
  })

  it('is told again when it forgets', async () => {
    const host = await createHost()
    await managed(host, 'systemd-resolved')
    const running = tunneler(host, ours, '*.ziti', 'ziti-dns', ours)
    await running.line(/^ready/)
    await host.must('resolvectl', 'revert', 'ziti-dns')
    await running.line(/setting it again/)
    // The server is set last.
    for (let tries = 0; tries < 100 && !(await host.must('resolvectl', 'dns', 'ziti-dns')).includes(ours); tries++) await delay(20)
    expect([await host.must('resolvectl', 'dns', 'ziti-dns'), await host.must('resolvectl', 'domain', 'ziti-dns')]).toEqual([expect.stringContaining(ours), expect.stringContaining('~ziti')])
  })

  it('takes other names while it runs', async () => {
    const host = await createHost()
    await managed(host, 'systemd-resolved')
    const running = tunneler(host, ours, '*.ziti', 'ziti-dns', ours, 'db.corp,*.other')
    await running.line(/^ready/)
    expect(await host.must('resolvectl', 'domain', 'ziti-dns')).toMatch(/: ~ziti$/m)
    running.signal('SIGUSR2')
    await running.line(/^now/)
    expect(await host.must('resolvectl', 'domain', 'ziti-dns')).toMatch(/: ~db\.corp ~other$/m)
    expect(await host.must('resolvectl', 'status', 'ziti-dns')).toMatch(/Current Scopes: DNS[\s\S]*-DefaultRoute/)
  })
})

describe.skipIf(!available.has('systemd-resolved'))('many names of systemd-resolved', () => {
  it('are replaced in one step, though it counts the old with the new', async () => {
    const host = await createHost()
    await managed(host, 'systemd-resolved')
    const names = (word: string): string => Array.from({ length: 128 }, (_, index) => `${word}${index}.test`).join(',')
    const running = tunneler(host, ours, names('old'), 'ziti-dns', ours, names('new'))
    await running.line(/^ready/)
    running.signal('SIGUSR2')
    await running.line(/^now/)
    expect((await host.must('resolvectl', 'domain', 'ziti-dns')).match(/~new\d+\.test/g)).toHaveLength(128)
  })
})

describe.each(['resolvconf', 'openresolv'] as const)('%s', (manager) => {
  const test = it.skipIf(!available.has(manager))

  test('asks us first, and has its file back, byte for byte, after SIGTERM', async () => {
    const host = await createHost()
    await managed(host, manager)
    await settleOpenresolv(host)
    const before = await dumpHost(host)
    startServer(host, '127.0.0.1', '100.64.7.7')
    const running = tunneler(host, '127.0.0.1')
    expect(await running.line(/=>/)).toContain(`=> ${manager}, by a record of ours`)
    expect(await running.line(/^ready/)).toBe(`ready upstreams ${upstream}`)
    expect(await ask(host, 'a.ziti')).toBe('100.64.7.7')
    await running.stop()
    expect(dumpDifference(before, await dumpHost(host))).toEqual([])
    expect(await ask(host, 'a.ziti')).toBe('10.0.0.9')
  })

  test('has its file back after SIGKILL', async () => {
    const host = await createHost()
    await managed(host, manager)
    await settleOpenresolv(host)
    const before = await dumpHost(host)
    const running = tunneler(host, '127.0.0.1')
    await running.line(/^ready/)
    running.signal('SIGKILL')
    await restored(host, before)
  })

  test('new nameservers of the network become the upstreams', async () => {
    const host = await createHost()
    await managed(host, manager)
    const running = tunneler(host, '127.0.0.1')
    await running.line(/^ready/)
    await host.must('sh', '-c', `printf 'nameserver 10.99.0.2\\n' | resolvconf -a eth0.dhclient`)
    expect(await running.line(/^upstreams/)).toBe('upstreams 10.99.0.2')
    expect(await host.must('cat', '/etc/resolv.conf')).toMatch(/^nameserver 127\.0\.0\.1$/m)
  })
})

/** openresolv copies the file of before its first change to resolv.conf.bak: that is not of our making. */
async function settleOpenresolv(host: Namespace): Promise<void> {
  await host.must('sh', '-c', `printf 'nameserver ${upstream}\\n' | resolvconf -a eth1.dhclient; resolvconf -d eth1.dhclient`)
}

describe.skipIf(!hasNamespaces)('a plain resolv.conf', () => {
  it.each([
    ['ordinary', `# mine\nsearch lan.test\nnameserver ${upstream}\noptions timeout:1\n`],
    ['without a final line feed', `nameserver ${upstream}`],
    ['of Windows hands', `nameserver ${upstream}\r\nsearch lan.test\r\n`],
  ])('%s: asks us first, keeps the rest, and comes back after SIGKILL', async (_name, text) => {
    const host = await createHost(text)
    const before = await dumpHost(host)
    startServer(host, '127.0.0.1', '100.64.7.7')
    const running = tunneler(host, '127.0.0.1')
    expect(await running.line(/=>/)).toContain('=> plain, by the file itself')
    expect(await running.line(/^ready/)).toBe(`ready upstreams ${upstream}`)
    expect(await ask(host, 'a.ziti')).toBe('100.64.7.7')
    expect((await host.must('cat', '/etc/resolv.conf')).endsWith(text)).toBe(true)
    running.signal('SIGKILL')
    await restored(host, before)
    expect(await host.must('cat', '/etc/resolv.conf')).toBe(text)
  })

  it('is set again when a manager writes over it; its servers are the new upstreams, and its file stays in the end', async () => {
    const host = await createHost()
    startServer(host, '127.0.0.1', '100.64.7.7')
    const running = tunneler(host, '127.0.0.1')
    await running.line(/^ready/)
    await host.must('sh', '-c', `printf '# Generated by NetworkManager\\nnameserver 10.99.0.2\\n' > /etc/new && mv /etc/new /etc/resolv.conf`)
    expect(await running.line(/^upstreams/)).toBe('upstreams 10.99.0.2')
    expect(await ask(host, 'a.ziti')).toBe('100.64.7.7')
    await running.stop()
    expect(await host.must('cat', '/etc/resolv.conf')).toBe('# Generated by NetworkManager\nnameserver 10.99.0.2\n')
  })

  it('mounted by a container engine: is written in place, and comes back', async () => {
    const host = await createHost()
    await host.must('sh', '-c', `printf 'nameserver ${upstream}\\n' > /run/engine && mount --bind /run/engine /etc/resolv.conf`)
    const before = await dumpHost(host)
    const running = tunneler(host, '127.0.0.1')
    expect(await running.line(/=>/)).toContain('mounted by a container engine')
    await running.line(/^ready/)
    expect(await host.must('cat', '/etc/resolv.conf')).toMatch(/^nameserver 127\.0\.0\.1$/m)
    await running.stop()
    await restored(host, before)
  })

  it('missing: is made, and gone afterwards', async () => {
    const host = await createHost()
    await host.must('rm', '/etc/resolv.conf')
    const before = await dumpHost(host)
    const running = tunneler(host, '127.0.0.1')
    expect(await running.line(/=>/)).toMatch(/resolv\.conf is missing.*=> none, by the file itself/)
    await running.line(/^ready/)
    expect(await host.must('cat', '/etc/resolv.conf')).toMatch(/^nameserver 127\.0\.0\.1$/m)
    running.signal('SIGKILL')
    await restored(host, before)
  })

  it('read-only: nothing is changed, and the line says what to do', async () => {
    const host = await createHost()
    await host.must('sh', '-c', 'cp /etc/resolv.conf /run/fixed && mount --bind /run/fixed /etc/resolv.conf && mount -o remount,bind,ro /etc/resolv.conf')
    const before = await dumpHost(host)
    const running = tunneler(host, '127.0.0.1')
    expect(await running.line(/=>/)).toContain('mounted by a container engine, not writable')
    expect(await running.line(/cannot be written/)).toContain('--resolver file:///etc/hosts')
    await running.exited
    await restored(host, before)
  })
})
