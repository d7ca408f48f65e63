import { describe, expect, it } from 'vitest'
import { chooseEnrollPaths } from './paths.ts'

describe('chooseEnrollPaths', () => {
  it.each([
    ['ziti.jwt', 'ziti.json'],
    ['/etc/ziti/my.device.jwt', '/etc/ziti/my.device.json'],
    ['token', 'token.json'],
    ['./dir.d/token', './dir.d/token.json'],
  ])('writes the identity of %s to %s', (argument, identityFile) => {
    expect(chooseEnrollPaths({ argument })).toEqual({ token: argument, tokenFile: argument, identityFile })
  })

  it('takes --jwt for the argument, and --out as it is', () => {
    expect(chooseEnrollPaths({ jwt: 'a.jwt', out: 'b' })).toEqual({ token: 'a.jwt', tokenFile: 'a.jwt', identityFile: 'b' })
  })

  it('has no file to remove for a token from standard input or a variable', () => {
    expect(chooseEnrollPaths({ argument: '-', out: 'b.json' }).tokenFile).toBeUndefined()
    expect(chooseEnrollPaths({ argument: 'env:TOKEN', out: 'b.json' }).tokenFile).toBeUndefined()
  })

  it.each([
    ['no token', {}],
    ['two tokens', { argument: 'a.jwt', jwt: 'b.jwt' }],
    ['a token that is called .json', { argument: 'a.json' }],
    ['output equal to input', { argument: 'a.jwt', out: './a.jwt' }],
    ['an output without a name', { argument: 'a.jwt', out: '' }],
    ['standard input without --out', { argument: '-' }],
    ['a variable without --out', { argument: 'env:TOKEN' }],
  ])('refuses %s', (_, options) => {
    expect(() => chooseEnrollPaths(options)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^usage\./) }))
  })
})
