import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dumpDifference, dumpHost } from '../support/netns/host-dump.ts'
import { hasNamespaces } from '../support/netns/namespace.ts'
import { createWorld, type World } from '../support/netns/world.ts'
import type { Running } from '../support/programs.ts'

/**
 * A network whose controller is known by its name alone, on a host whose only nameserver is the tunneler: it must find the way back by
 * itself when everything that it knew has expired, though services of the overlay have these very names.
 */
describe.skipIf(!hasNamespaces)('a controller that is known by its name alone', () => {
  let world: World
  let tunneler: Running
  let clean: string
  const name = 'controller.net.test'

  beforeAll(async () => {
    world = await createWorld()
    await world.far.call('echo', 7)
    await world.far.call('dns', { [name]: { A: '10.55.0.1', ttl: 1 } })
    await world.service('web', { addresses: ['web.ziti'], ports: [7] }, 'tcp:127.0.0.1:7')
    // Programs of this host reach these names over the overlay; the tunneler does not.
    await world.service('the network by the network', { addresses: [name, '*.net.test'], ports: [[1, 65_535]] }, 'tcp:127.0.0.1:7')
    const json = readFileSync(world.identity, 'utf8').replaceAll('https://10.55.0.1:', `https://${name}:`)
    expect(json).toContain(name)
    const identity = join(dirname(world.identity), 'by-name.json')
    writeFileSync(identity, json, { mode: 0o600 })
    clean = await dumpHost(world.host)
    tunneler = world.tunneler('run', '--configure-resolver', '--svcPollRate', '0.5', identity)
    await tunneler.line(/adding web\.ziti/)
  }, 60_000)
  afterAll(async () => {
    await tunneler?.stop()
    await world?.close()
  })

  async function ask(place: string): Promise<string> {
    return (await world.host.run('socat', ['-t', '3', '-', `TCP4:${place},connect-timeout=3`], { input: place })).stdout
  }

  it('is found by the nameserver of before, and programs find the service of that name', async () => {
    expect(await world.host.must('getent', 'ahostsv4', name)).toMatch(/^100\./)
    expect(await Promise.all([ask('web.ziti:7'), ask(`${name}:1234`)])).toEqual(['web.ziti:7', `${name}:1234`])
  })

  it('is found again after its name has expired and every connection is gone', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await world.far.call('killRouter')
    await world.far.call('restartController')
    await world.far.call('startRouter')
    await world.service('later', { addresses: ['later.ziti'], ports: [7] }, 'tcp:127.0.0.1:7')
    await tunneler.line(/adding later\.ziti/)
    await expect.poll(() => ask('later.ziti:7'), { timeout: 10_000, interval: 100 }).toBe('later.ziti:7')
  })

  it('and the host is as it was', async () => {
    expect(await tunneler.stop()).toBe(0)
    expect(dumpDifference(clean, await dumpHost(world.host))).toEqual([])
  })
})
