import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNameSet } from './name-set.ts'

describe('createNameSet', () => {
  const set = createNameSet(['DB.ziti', '*.Wild.ziti.', '*.deep.wild.ziti', 'exact.wild.ziti', '_ldap._tcp.corp', '*.single'])

  it.each([
    ['db.ziti', 'db.ziti'],
    ['dB.ZiTi', 'db.ziti'],
    ['db.ziti.', 'db.ziti'],
    ['x.db.ziti', undefined],
    ['a.wild.ziti', '*.wild.ziti'],
    ['A.B.wild.ziti.', '*.wild.ziti'],
    ['wild.ziti', undefined],
    ['deep.wild.ziti', '*.wild.ziti'],
    ['a.deep.wild.ziti', '*.deep.wild.ziti'],
    ['exact.wild.ziti', 'exact.wild.ziti'],
    ['a.exact.wild.ziti', '*.wild.ziti'],
    ['notwild.ziti', undefined],
    ['_ldap._tcp.corp', '_ldap._tcp.corp'],
    ['a.single', '*.single'],
    ['single', undefined],
    ['', undefined],
    ['.', undefined],
    ['..wild.ziti', '*.wild.ziti'],
  ])('"%s" is found by %s', (name, pattern) => {
    expect(set.find(name)).toBe(pattern)
    expect(set.matches(name)).toBe(pattern !== undefined)
  })

  it('folds the case of ASCII letters only (RFC 4343)', () => {
    expect(createNameSet(['bank.ziti']).matches('ban\u212A.ziti')).toBe(false)
  })

  it('* is every name', () => {
    const all = createNameSet(['*'])
    expect(all.find('anything.at.all')).toBe('*')
    expect(all.find('lan')).toBe('*')
    expect(all.find('')).toBeUndefined()
  })

  it.each(['', '.', '*.*', 'a*b.c', 'a..b', 'a.*.b', '**.x', 'x*', 'a b', 'ä.ziti', `${'a'.repeat(64)}.ziti`, `${'a.'.repeat(126)}bc`])(
    'refuses "%s", and keeps what it had',
    (pattern) => {
      const kept = createNameSet(['db.ziti'])
      expect(() => kept.replace(['other.ziti', pattern])).toThrow(expect.objectContaining({ code: 'dns.bad-pattern' }))
      expect(kept.matches('db.ziti')).toBe(true)
      expect(kept.size).toBe(1)
    },
  )

  it('finds as a scan of all patterns would', () => {
    const part = fc.constantFrom('a', 'b', 'c', '_d')
    const name = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.'))
    const pattern = fc.tuple(name, fc.boolean()).map(([text, wild]) => (wild ? `*.${text}` : text))
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 20 }), name, (patterns, asked) => {
        const fits = patterns.filter((text) => (text.startsWith('*.') ? asked.endsWith(text.slice(1)) : asked === text))
        const best = fits.toSorted((left, right) => Number(left.startsWith('*')) - Number(right.startsWith('*')) || right.length - left.length)[0]
        expect(createNameSet(patterns).find(asked)).toBe(best)
      }),
    )
  })

  it('does not grow slower with 10,000 patterns', () => {
    const patterns = Array.from({ length: 5000 }, (_, index) => [`host${index}.corp.ziti`, `*.zone${index}.ziti`]).flat()
    const many = createNameSet(patterns)
    expect(many.size).toBe(10_000)
    const started = performance.now()
    for (let index = 0; index < 50_000; index += 1) many.matches(`a.b.zone${index}.ziti`)
    expect(performance.now() - started).toBeLessThan(1000)
  })
})
