import { spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

import { noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'
import { planInside } from './plan-inside.ts'

const source = (path: string): string => new URL(path, import.meta.url).href

// As a user without any privilege, whose /dev/net/tun has the mode that it usually has.
const asNobody = ['--mount', '--propagation', 'private', '--', 'sh', '-c',
  'mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"', 'sh']

interface Said {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command in a network of its own; what the other end does with it is the program's text. */
function inNamespace(command: readonly string[], program = ''): Promise<Said> {
  const script = `
    import { openCommandNamespace } from '${source('command-namespace.ts')}'
    const inside = await openCommandNamespace({
      command: ${JSON.stringify(command)}, v4: '100.64.0.1', v6: 'fd7a::1', files: { '/etc/resolv.conf': 'nameserver 100.64.0.2\\n' }, hidden: ['/run/nothing/there'],
    })
    const packets = []
    inside.device.start((batch) => packets.push(...batch.map((packet) => Buffer.from(packet))))
    inside.begin()
    ${program}
    console.error(JSON.stringify(await inside.ended))
    await inside.device.close()`
  const child = spawn('unshare', [...asNobody, process.execPath, '--conditions=tunnel-source', '--input-type=module', '-e', script], {
    cwd: new URL('.', import.meta.url), stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000,
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (said.stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (said.stderr += String(chunk)))
  return new Promise((resolve) => child.on('close', () => resolve(said)))
}

it('is planned in the order in which it is made', () => {
  const files = { '/etc/resolv.conf': 'nameserver 100.64.0.2\n' }
  const settings = { v4: '100.64.0.1', v6: 'fd7a::1', mtu: 65_535, files, hidden: ['/run/nothing/there', '/dev/null'], user: 1, group: 1 }
  expect(planInside(['curl', 'http://web.ziti'], settings).map(({ kind, summary }) => `${kind} ${summary}`)).toEqual([
    'namespace.create user, network and mount namespaces for curl http://web.ziti',
    'file.replace /etc/resolv.conf, as that command sees it',
    'file.hide /dev/null, which that command does not find',
    'link.create tun0, a TUN link with an MTU of 65535',
    'address.add 100.64.0.1/32 on tun0',
    'route.add 0.0.0.0/0 dev tun0',
    'address.add fd7a::1/128 on tun0',
    'route.add ::/0 dev tun0',
  ])
  const { v6: _, ...ipv4 } = settings
  expect(planInside(['true'], ipv4).map(({ kind }) => kind).slice(-2)).toEqual(['address.add', 'route.add'])
})

describe.skipIf(noNetwork)('a command in a network of its own', () => {
  it('is the user that it was, without capabilities, with the ways of a fresh process', async () => {
    const { stdout, stderr } = await inNamespace(['sh', '-c', 'id -u; id -g; pwd; grep -E "SigIgn|SigBlk|CapEff" /proc/self/status; exit 7'])
    const lines = stdout.trim().split('\n')
    expect(lines.slice(0, 3)).toEqual(['65534', '65534', new URL('.', import.meta.url).pathname.replace(/\/$/, '')])
    expect(lines.slice(3).map((line) => line.replace(/\s+/, ' '))).toEqual(['SigBlk: 0000000000000000', 'SigIgn: 0000000000000000', 'CapEff: 0000000000000000'])
    expect(stderr).toBe('{"code":7,"signal":null}\n')
  })

  it('has a link to us as the way to everywhere, and our text in the place of a file', async () => {
    const { stdout } = await inNamespace(['sh', '-c', 'ip -o -4 route; ip -o -6 route show default; cat /etc/resolv.conf'])
    expect(stdout).toMatch(/^default dev tun0 .*src 100.64.0.1/m)
    expect(stdout.match(/^default dev tun0/gm)).toHaveLength(2)
    expect(stdout).toContain('nameserver 100.64.0.2')
  })

  it('may open another in its place, and leaves no folder behind', async () => {
    const folders = (): string[] => readdirSync(tmpdir()).filter((name) => /^ziti-tunnel-\w{6}$/.test(name) && statSync(join(tmpdir(), name), { throwIfNoEntry: false })?.uid === 65_534)
    const before = new Set(folders())
    const { stdout } = await inNamespace(['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', 'mount --bind /dev/null /etc/resolv.conf && wc -c < /etc/resolv.conf'])
    expect(stdout).toBe('0\n')
    await expect.poll(() => folders().filter((name) => !before.has(name))).toEqual([])
  })

  it('sends its packets to us', async () => {
    const { stdout } = await inNamespace(['curl', '-m', '1', 'http://192.0.2.9/'], `
      await inside.ended
      console.log(packets.filter((packet) => packet[0] >> 4 === 4).map((packet) => packet.subarray(12, 20).join('.'))[0])`)
    expect(stdout).toContain('100.64.0.1.192.0.2.9')
  })

  it('gets signals, and tells by which one it ended', async () => {
    const { stderr } = await inNamespace(['sleep', '20'], "setTimeout(() => inside.signal('SIGTERM'), 300)")
    expect(stderr).toBe('{"code":null,"signal":"SIGTERM"}\n')
  })

  it('is not there', async () => {
    const { stderr } = await inNamespace(['/no/such/command'])
    expect(stderr).toContain('failed to execute /no/such/command')
    expect(stderr).toContain('{"code":127,"signal":null}')
  })
})
