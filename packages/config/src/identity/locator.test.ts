import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLocator } from './locator.ts'

const pem = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'
const at = (text: string, platform: NodeJS.Platform = 'linux') => parseLocator(text, '/etc/ziti', platform)

describe('parseLocator (protocol 1.2)', () => {
  it.each([`pem:${pem}`, `pem://${pem}`, pem, `\n${pem}`])('takes PEM text: %j', (text) => {
    expect(at(text)).toMatchObject({ kind: 'pem', pem: expect.stringContaining(pem) })
  })

  it.each([
    ['file:///root/me.pem', '/root/me.pem'],
    ['file://keys/me.pem', '/etc/ziti/keys/me.pem'],
    ['file:me.pem', '/etc/ziti/me.pem'],
    ['file:/root/me.pem', '/root/me.pem'],
    ['FILE:///root/me.pem', '/root/me.pem'],
    ['file:///root/my%20key%25.pem', '/root/my key%.pem'],
    ['/root/me.pem', '/root/me.pem'],
    ['me.pem', '/etc/ziti/me.pem'],
    ['../me%20.pem', '/etc/me%20.pem'],
  ])('takes %s as a file', (text, path) => expect(at(text)).toEqual({ kind: 'file', path }))

  it('strips the slash before a drive letter on Windows only', () => {
    expect(at('file:///C:/me.pem', 'win32')).toMatchObject({ path: expect.stringMatching(/C:\/me\.pem$/) })
    expect(at('file:///C:/me.pem')).toEqual({ kind: 'file', path: '/C:/me.pem' })
    expect(at('C:\\keys\\me.pem', 'win32')).toMatchObject({ kind: 'file' })
  })

  it.each([
    ['pkcs11:///usr/lib/p11.so?slot=1&pin=4711', /PKCS#11/],
    ['keychain:ziti://me@ctrl:443', /key store/],
    ['parsec:4711', /"parsec:"/],
    ['engine://4711', /"engine:"/],
    ['file:', /names no file/],
    ['file:///a%', /malformed % escape/],
    ['file:///a%00', /NUL/],
  ])('refuses %s, without repeating what may be a PIN', (text, reason) => {
    const result = at(text)
    expect(result).toMatchObject({ kind: 'unsupported', reason: expect.stringMatching(reason) })
    expect(JSON.stringify(result)).not.toContain('4711')
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => ['pem', 'file', 'unsupported'].includes(at(text).kind)))
  })
})
