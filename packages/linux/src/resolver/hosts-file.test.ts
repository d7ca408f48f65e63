import { mkdtempSync, readFileSync, writeFileSync, appendFileSync, existsSync, readdirSync, chmodSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isCodedError, silentLog, type HostChange } from '@tunnel/flow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planHostsFile, withHostsLines, withoutHostsLines } from './hosts-file.ts'
import { resolverPerformers } from './resolver-performers.ts'

const context = { log: silentLog }
const entries = [{ address: '100.64.0.5', name: 'db.corp' }, { address: 'fd00::5', name: 'db.corp' }]

async function make(change: HostChange): Promise<() => Promise<unknown>> {
  const performer = resolverPerformers[change.kind]!
  const found = (await performer.prepare?.(change.parameters)) ?? {}
  await performer.perform([{ ...change.parameters, ...found }], context)
  const { undo } = change
  return async () => undo && resolverPerformers[undo.kind]!.perform([{ ...undo.parameters, ...found }], context)
}

const scratch = (content?: string): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'hosts-')), 'hosts')
  if (content !== undefined) writeFileSync(path, content)
  return path
}

describe('lines of a hosts file', () => {
  it('come first and are marked', () => {
    expect(withHostsLines('127.0.0.1 localhost\n', '# ziti-tunnel', ['1.2.3.4 a'])).toBe('1.2.3.4 a # ziti-tunnel\n127.0.0.1 localhost\n')
  })

  it('end as the lines of the file do', () => {
    expect(withHostsLines('127.0.0.1 localhost\r\n', '# ziti-tunnel', ['1.2.3.4 a'])).toBe('1.2.3.4 a # ziti-tunnel\r\n127.0.0.1 localhost\r\n')
  })

  it('are told apart from those of another instance', () => {
    const both = withHostsLines(withHostsLines('x\n', '# ziti-tunnel', ['1 a']), '# ziti-tunnel-2', ['2 b'])
    expect(withoutHostsLines(both, '# ziti-tunnel')).toBe('2 b # ziti-tunnel-2\nx\n')
  })

  it('are taken out again and leave every other byte', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '1', ' ', '#', '\n', '\r', '\t', 'é') }), fc.array(fc.constantFrom('1.2.3.4 a', '::1 b')), (text, lines) => {
      expect(withoutHostsLines(withHostsLines(text, '# ziti-tunnel', lines), '# ziti-tunnel')).toBe(text)
    }))
  })
})

describe('planHostsFile', () => {
  it('refuses wildcards by name', () => {
    const attempt = (): unknown => planHostsFile('/etc/hosts', [{ address: '1.2.3.4', name: '*.ziti' }])
    expect(attempt).toThrow(/cannot hold wildcard names \(\*\.ziti\)/)
    expect(code(attempt)).toBe('resolver.hosts-wildcard')
  })

  it.each([
    { address: 'nonsense', name: 'a' }, { address: '1.2.3.4', name: 'a b' }, { address: '1.2.3.4', name: 'a\n6.6.6.6 bank' }, { address: '1.2.3.4', name: '' },
  ])('refuses %j', (entry) => expect(code(() => planHostsFile('/etc/hosts', [entry]))).toBe('resolver.hosts-entry'))

  it.each(['127.0.0.1 localhost\n', '127.0.0.1 localhost', '', 'a\r\nb\r\n', '\u00ff\u0000'])('changes %j and gives it back', async (text) => {
    const path = scratch(text)
    const undo = await make(planHostsFile(path, entries))
    expect(readFileSync(path, 'utf8')).toMatch(/^100\.64\.0\.5 db\.corp # ziti-tunnel\r?\nfd00::5 db\.corp # ziti-tunnel\r?\n/)
    await undo()
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(readdirSync(join(path, '..'))).toEqual(['hosts'])
  })

  it('keeps what others add or take away meanwhile, and the mode', async () => {
    const path = scratch('127.0.0.1 localhost\n10.0.0.1 old')
    chmodSync(path, 0o640)
    const undo = await make(planHostsFile(path, entries))
    appendFileSync(path, '\n10.0.0.2 new\n')
    await undo()
    expect(readFileSync(path, 'utf8')).toBe('127.0.0.1 localhost\n10.0.0.1 old\n10.0.0.2 new\n')
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })

  it('replaces the lines of before, and one undo takes out the last', async () => {
    const path = scratch('127.0.0.1 localhost\n')
    const undo = await make(planHostsFile(path, entries))
    const update = planHostsFile(path, [{ address: '100.64.0.9', name: 'web.corp' }], { update: true })
    expect(update.undo).toBeUndefined()
    await make(update)
    expect(readFileSync(path, 'utf8')).toBe('100.64.0.9 web.corp # ziti-tunnel\n127.0.0.1 localhost\n')
    await undo()
    expect(readFileSync(path, 'utf8')).toBe('127.0.0.1 localhost\n')
  })

  it('removes a file that was not there before', async () => {
    const path = scratch()
    const undo = await make(planHostsFile(path, entries))
    expect(existsSync(path)).toBe(true)
    await undo()
    expect(existsSync(path)).toBe(false)
    await undo()
  })
})

function code(attempt: () => unknown): string | undefined {
  try {
    attempt()
  } catch (error) {
    return isCodedError(error) ? error.code : undefined
  }
  return undefined
}
