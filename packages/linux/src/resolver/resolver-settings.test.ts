import type { HostChange } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { expect, it } from 'vitest'
import { parseResolvConf } from './resolv-conf.ts'
import { openResolverSettings } from './resolver-settings.ts'
import type { ResolverFacts } from './resolver-facts.ts'
import { judgeResolver } from './resolver-verdict.ts'

const factsOf = (text: string): ResolverFacts =>
  judgeResolver({
    file: { ...parseResolvConf(text), path: '/nowhere/resolv.conf', target: '/nowhere/resolv.conf', state: 'regular', text, writable: true, mounted: false },
    resolved: { running: false, reachedBy: 'none', upstreams: [] }, networkManager: { running: false }, dhclient: false, libc: 'glibc',
  })

/** A host of one file, and a manager that writes what `overwritten` says. */
function createHost() {
  const clock = createVirtualClock()
  const host = {
    clock,
    text: 'nameserver 10.0.0.1\n',
    applied: 0,
    reverted: 0,
    lines: [] as string[],
    upstreams: [] as string[],
    /** Another tunneler has the file. */
    taken: false,
    claims: 0,
    apply: (changes: readonly HostChange[]) => {
      host.applied += changes.length
      host.text = Buffer.from(String(changes[0]?.parameters['content']), 'base64').toString()
      return Promise.resolve()
    },
    revert: (changes: readonly HostChange[]) => {
      host.reverted += changes.length
      return Promise.resolve({ undone: changes.length, left: [], skipped: [], failed: [], remaining: [], settled: [] })
    },
    changed: () => {},
    /** A manager writes the file. */
    async overwrite(text: string) {
      host.text = text
      host.changed()
      for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    },
    open: () =>
      openResolverSettings({
        host, clock, facts: factsOf(host.text), wanted: { servers: [{ address: '127.0.0.1', port: 53 }], domains: [] },
        detect: () => Promise.resolve(factsOf(host.text)),
        watch: (_paths, changed) => {
          host.changed = changed
          return { close: () => {} }
        },
        claimFile: async () => {
          if (host.taken) return undefined
          host.claims++
          return { release: () => host.claims-- }
        },
        onUpstreams: (upstreams) => host.upstreams.push(upstreams.join(' ')),
        log: (level, _source, message) => host.lines.push(`${level}: ${message.split('.')[0] ?? ''}`),
      }),
  }
  return host
}

it('leaves a file that still has us first alone', async () => {
  const host = createHost()
  const settings = await host.open()
  await host.overwrite(`${host.text}# a comment of somebody\n`)
  expect([host.applied, host.reverted, settings.upstreams]).toEqual([1, 0, ['10.0.0.1']])
  await settings.close()
  expect(host.reverted).toBe(1)
})

it('puts us first again, and passes on the new nameservers', async () => {
  const host = createHost()
  const settings = await host.open()
  await host.overwrite('nameserver 10.0.0.2\n')
  expect(parseResolvConf(host.text).nameservers).toEqual(['127.0.0.1', '10.0.0.2'])
  expect([host.reverted, host.upstreams, settings.upstreams]).toEqual([1, ['10.0.0.2'], ['10.0.0.2']])
  expect(settings.facts.nameservers).toEqual(['10.0.0.2'])
  await settings.close()
})

it('does not fight for ever: five times a minute, and says so once', async () => {
  const host = createHost()
  const settings = await host.open()
  for (let time = 0; time < 9; time++) await host.overwrite('nameserver 10.0.0.2\n')
  expect(host.applied).toBe(1 + 5)
  expect(host.lines.filter((line) => line.startsWith('warn'))).toEqual(["warn: somebody keeps changing the host's resolver; it is left alone for a minute"])
  expect(host.text).toBe('nameserver 10.0.0.2\n')
  host.clock.advance(60_000)
  await host.overwrite('nameserver 10.0.0.2\n')
  expect(parseResolvConf(host.text).nameservers[0]).toBe('127.0.0.1')
  await settings.close()
})

it('looks no more once it is closed', async () => {
  const host = createHost()
  const settings = await host.open()
  await settings.close()
  await host.overwrite('nameserver 10.0.0.2\n')
  expect([host.applied, host.text]).toEqual([1, 'nameserver 10.0.0.2\n'])
})

it('has the file for itself from before its first change to its end', async () => {
  const host = createHost()
  const settings = await host.open()
  await host.overwrite('nameserver 10.0.0.2\n')
  expect(host.claims).toBe(1)
  await settings.close()
  expect(host.claims).toBe(0)
})

it('changes nothing where another tunneler has the file, and says what to do', async () => {
  const host = createHost()
  host.taken = true
  await expect(host.open()).rejects.toMatchObject({ code: 'resolver.taken', message: expect.stringMatching(/-i, repeatable.*file:\/\/\/etc\/hosts/) })
  expect([host.applied, host.text]).toEqual([0, 'nameserver 10.0.0.1\n'])
})
