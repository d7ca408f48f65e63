import { expect, it } from 'vitest'
import { readCapture } from '../controller/testing/captures.ts'
import { createPkce, pkceChallenge } from './pkce.ts'

it('makes the challenge of RFC 7636 appendix B', () => {
  expect(pkceChallenge('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')
})

it('makes the challenge that a real controller accepted', () => {
  const asked = new URL(readCapture('oidc-authorize').request.path, 'https://c').searchParams
  const { code_verifier: verifier } = readCapture('oidc-token').request.body as { code_verifier: string }
  expect(pkceChallenge(verifier)).toBe(asked.get('code_challenge'))
})

it('has new secrets each time, of 32, 16 and 32 bytes', () => {
  const [a, b] = [createPkce(), createPkce()]
  expect(new Set([a.verifier, a.state, a.nonce, b.verifier, b.state, b.nonce]).size).toBe(6)
  expect([a.verifier.length, a.state.length, a.nonce.length]).toEqual([43, 22, 43])
})
