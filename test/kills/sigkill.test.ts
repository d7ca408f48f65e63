import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRandom, descendants, killHard, leftAfter } from '../support/kills.ts'
import { dumpDifference, dumpHost } from '../support/netns/host-dump.ts'
import { hasNamespaces } from '../support/netns/namespace.ts'
import { createWorld, type World } from '../support/netns/world.ts'
import type { Running } from '../support/programs.ts'
import { startManager, type ManagerProcess } from '../support/resolvers/manager-process.ts'
import { unpackManager } from '../support/resolvers/unpacked-packages.ts'
import { scaled } from '../support/scale.ts'

/**
 * The tunneler is killed at instants that nobody chose: while it starts, while it changes the host, while it serves.
 * The host must be as it was before the start, within two seconds, whoever manages its resolver.
 */
const kills = scaled(2_000, 66)
const combinations = (['nftables', 'iptables'] as const).flatMap((firewall) =>
  (['plain file', 'systemd-resolved', 'openresolv'] as const).map((resolver) => ({ firewall, resolver })))
const killsOfOne = Math.ceil(kills / combinations.length)

const services = 20
const allowed = 2_000

describe.skipIf(!hasNamespaces).each(combinations)('$firewall, $resolver', ({ firewall, resolver }) => {
  let world: World
  let manager: ManagerProcess | undefined
  let before: string
  let missing: string | undefined

  beforeAll(async () => {
    world = await createWorld()
    if (resolver !== 'plain file') {
      const unpacked = await unpackManager(resolver)
      if ('missing' in unpacked) return void (missing = unpacked.missing)
      manager = await startManager(world.host, resolver, { nameservers: ['10.55.0.1'] })
    }
    const { port } = await world.far.call('web')
    for (let index = 0; index < services; index += 1) {
      await world.service(`web-${index}`, { addresses: [`web-${index}.ziti`, `10.200.${index}.80`, `fd77::${index}:80`], ports: [80, [9000, 9100 + index]] }, `tcp:127.0.0.1:${port}`)
    }
    before = await dumpHost(world.host)
    // How long a whole start takes here: instants are drawn from it, so that most of them lie within the work.
    const warm = start()
    await warm.line(/resolver is set|self-test|dns server running/i, 20).catch(() => '')
    await warm.stop()
    expect(dumpDifference(before, await dumpHost(world.host))).toEqual([])
  }, 120_000)
  afterAll(async () => {
    await manager?.stop()
    await world?.close()
  })

  const start = (): Running => world.tunneler('run', world.identity, '--firewall', firewall, '--configure-resolver', '--dns-self-test', 'warn')

  it(`${killsOfOne} times, at random instants`, async ({ skip }) => {
    if (missing !== undefined) return skip(missing)
    const random = createRandom(resolver.length * 31 + firewall.length)
    for (let round = 0; round < killsOfOne; round += 1) {
      const running = start()
      const instant = Math.floor(random() ** 1.5 * 1_500)
      await new Promise((resolve) => setTimeout(resolve, instant))
      running.signal('SIGKILL')
      await running.exited
      const left = await leftAfter(world.host, before, allowed)
      const late = left.length > 0 ? `${await leftAfter(world.host, before, 10_000)}` : ''
      expect({ round, instant, left, late, lines: left.length > 0 ? running.lines : [] }).toEqual({ round, instant, left: [], late: '', lines: [] })
    }
  }, scaled(3_600_000, 120_000))

  it('with its janitor, and a start afterwards', async ({ skip }) => {
    if (missing !== undefined) return skip(missing)
    for (let round = 0; round < scaled(20, 1); round += 1) {
      const running = start()
      await running.line(/tproxy listening/)
      await new Promise((resolve) => setTimeout(resolve, 100 * round + 300))
      for (const pid of [running.pid, ...descendants(running.pid)]) killHard(pid)
      await running.exited
      const next = start()
      await next.line(/using tproxy interceptor/)
      expect(await next.stop()).toBe(0)
      expect(await leftAfter(world.host, before, allowed)).toEqual([])
    }
  }, scaled(600_000, 60_000))

  it('at SIGTERM and SIGINT it goes in order', async ({ skip }) => {
    if (missing !== undefined) return skip(missing)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const running = start()
      await running.line(/using tproxy interceptor/)
      running.signal(signal)
      expect(await running.exited).toBe(0)
      expect(dumpDifference(before, await dumpHost(world.host))).toEqual([])
    }
  }, 60_000)
})
