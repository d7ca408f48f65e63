import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRandom, descendants, killHard, leftAfter } from '../support/kills.ts'
import { dumpDifference, dumpHost } from '../support/netns/host-dump.ts'
import { hasNamespaces } from '../support/netns/namespace.ts'
import { createWorld, type World } from '../support/netns/world.ts'
import type { Running } from '../support/programs.ts'
import { scratchFolder } from '../support/real-servers.ts'
import { scaled } from '../support/scale.ts'

/** As for tproxy: whatever instant kills it, the host is as it was within two seconds. Of `exec` the host never sees anything. */
const services = 20
const allowed = 2_000

describe.skipIf(!hasNamespaces)('with a TUN link', () => {
  let world: World
  let before: string
  const folder = hasNamespaces ? scratchFolder('tun-kills') : ''

  beforeAll(async () => {
    world = await createWorld()
    const { port } = await world.far.call('web')
    for (let index = 0; index < services; index += 1) {
      await world.service(`web-${index}`, { addresses: [`web-${index}.ziti`, `10.200.${index}.80`, `fd77::${index}:80`, `10.${100 + index}.0.0/16`], ports: [80, [9000, 9100 + index]] }, `tcp:127.0.0.1:${port}`)
    }
    before = await dumpHost(world.host)
  }, 60_000)
  afterAll(() => world?.close())

  const common = ['--configure-resolver', '--dns-self-test', 'warn']
  const starts: Readonly<Record<string, () => Running>> = {
    tun: () => world.tunneler('tun', ...common, world.identity),
    'run, fallen back to tun': () => world.host.start('env', ['PATH=/nowhere', ...world.program, 'run', '--firewall', 'iptables', ...common, world.identity]),
    exec: () => world.tunneler('exec', '-i', world.identity, '--', 'sh', '-c', 'curl -sS -m 2 http://web-1.ziti/; sleep 1'),
  }

  it.each([['tun', 800, 5], ['run, fallen back to tun', 400, 2], ['exec', 400, 2]] as const)('%s: at random instants', async (kind, long, short) => {
    const random = createRandom(kind.length)
    for (let round = 0; round < scaled(long, short); round += 1) {
      const running = starts[kind]?.()
      const instant = Math.floor(random() ** 1.5 * 1_500)
      await new Promise((resolve) => setTimeout(resolve, instant))
      if (kind === 'exec') expect(dumpDifference(before, await dumpHost(world.host))).toEqual([])
      running?.signal('SIGKILL')
      await running?.exited
      const left = await leftAfter(world.host, before, allowed)
      expect({ round, instant, left, lines: left.length > 0 ? running?.lines : [] }).toEqual({ round, instant, left: [], lines: [] })
    }
  }, scaled(3_600_000, 60_000))

  it('with its janitor, in the midst of a capture: that is readable, and the next start leaves nothing', async () => {
    for (let round = 0; round < scaled(20, 1); round += 1) {
      const capture = join(folder, `${round}.pcap`)
      const running = world.tunneler('tun', ...common, '--pcap', capture, world.identity)
      await running.line(/adding web-19\.ziti/)
      const download = world.host.start('curl', ['-sS', '-m', '2', '-o', '/dev/null', 'http://10.200.1.80/bytes/1000000000'])
      await expect.poll(() => statSync(capture).size, { timeout: 10_000 }).toBeGreaterThan(1 << 20)
      await new Promise((resolve) => setTimeout(resolve, 20 * round))
      for (const pid of [running.pid, ...descendants(running.pid)]) killHard(pid)
      await running.exited
      const { code, stdout, stderr } = await world.host.run('sh', ['-c', `tcpdump -nr ${capture} | wc -l`])
      // The kernel cuts a write short when it kills: then the packet that was being written is told of, and all before it are read.
      expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringMatching(/^reading from file .*\n(tcpdump: pcap_loop: truncated dump file.*\n)?$/) })
      expect(Number(stdout)).toBeGreaterThan(10)
      const next = starts['tun']?.()
      await next?.line(/adding web-19\.ziti/)
      expect(await next?.stop()).toBe(0)
      expect(await leftAfter(world.host, before, allowed)).toEqual([])
      await download.exited
    }
  }, scaled(600_000, 60_000))
})
