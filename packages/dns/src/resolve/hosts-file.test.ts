import { createVirtualClock } from '@tunnel/flow/testing'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createQuestion } from '../message/question.ts'
import { idleContext, inWords } from '../testing/ask.ts'
import { hostsFile } from './hosts-file.ts'
import type { Answer, ResolverObject } from './resolver.ts'

const ask = (resolver: ResolverObject, name: string, type = 'A'): string => inWords(resolver.resolve(createQuestion(name, type), idleContext) as Answer | undefined)

describe('a hosts file', () => {
  const resolver = hostsFile({
    text: [
      '127.0.0.1\tlocalhost localhost.localdomain # comment',
      '::1 localhost',
      '# 10.0.0.9 commented',
      '10.0.0.5 DB.lan db',
      '10.0.0.6 db.lan\r',
      '10.0.0.5 db.lan',
      'FD00:0::5 six.lan',
      'fe80::1%lo0 linklocal',
      'nonsense here',
      '999.1.1.1 bad.lan',
      '10.0.0.8',
      '',
    ].join('\n'),
  })

  it.each([
    ['localhost', 'A', 'A 127.0.0.1'],
    ['localhost', 'AAAA', 'AAAA ::1'],
    ['localhost.localdomain', 'A', 'A 127.0.0.1'],
    ['db.lan', 'A', 'A 10.0.0.5, A 10.0.0.6'],
    ['Db.LAN', 'A', 'A 10.0.0.5, A 10.0.0.6'],
    ['db.lan', 'AAAA', 'NODATA'],
    ['db.lan', 'TYPE65', 'NODATA'],
    ['db.lan', 'MX', 'undefined'],
    ['db', 'A', 'A 10.0.0.5'],
    ['six.lan', 'AAAA', 'AAAA fd00::5'],
    ['six.lan', 'A', 'NODATA'],
    ['5.0.0.10.in-addr.arpa', 'PTR', 'PTR db.lan'],
    ['1.0.0.127.in-addr.arpa', 'PTR', 'PTR localhost'],
    ['9.0.0.10.in-addr.arpa', 'PTR', 'undefined'],
    [`${'5'.padEnd(56, '.0').slice(0, 1)}${'.0'.repeat(27)}.0.0.d.f.ip6.arpa`, 'PTR', 'PTR six.lan'],
    ['commented', 'A', 'undefined'],
    ['linklocal', 'AAAA', 'undefined'],
    ['here', 'A', 'undefined'],
    ['bad.lan', 'A', 'undefined'],
    ['x.db.lan', 'A', 'undefined'],
  ])('%s %s: %s', (name, type, expected) => {
    expect(ask(resolver, name, type)).toBe(expected)
  })
})

describe('a hosts file that changes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hosts-'))
  const path = join(directory, 'hosts')
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('is read again, at most once a second; without the file there are no names', () => {
    const clock = createVirtualClock()
    writeFileSync(path, '10.0.0.1 a.lan\n')
    const resolver = hostsFile(path, { clock })
    expect(ask(resolver, 'a.lan')).toBe('A 10.0.0.1')
    writeFileSync(path, '10.0.0.22 a.lan\n')
    expect(ask(resolver, 'a.lan')).toBe('A 10.0.0.1')
    clock.advance(1000)
    expect(ask(resolver, 'a.lan')).toBe('A 10.0.0.22')
    rmSync(path)
    clock.advance(1000)
    expect(ask(resolver, 'a.lan')).toBe('undefined')
    writeFileSync(path, '10.0.0.3 a.lan\n')
    clock.advance(1000)
    expect(ask(resolver, 'a.lan')).toBe('A 10.0.0.3')
  })
})
