import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, readVectors, toHex } from '../testing/vectors.ts'
import { cipherOverheadBytes, loadCrypto, streamHeaderBytes, type Crypto } from './crypto.ts'

interface StreamVector {
  readonly headerHex: string
  readonly keyHex: string
  readonly messages: readonly { readonly plainHex: string; readonly cipherHex: string }[]
}
const vectors = readVectors<{ kx: Record<string, string>; dialerToHost: StreamVector; hostToDialer: StreamVector }>('crypto')
const kx = (name: string): Uint8Array => fromHex(vectors.kx[name] ?? '')

const seal = (crypto: Crypto, key: Uint8Array, header: Uint8Array, messages: readonly Uint8Array[]): Uint8Array[] => {
  const encryptor = crypto.encryptor(key, header)
  return messages.map((message) => {
    const out = new Uint8Array(message.length + cipherOverheadBytes)
    encryptor.push(message, out)
    return out
  })
}

describe.each(['native', 'wasm'] as const)('%s crypto', async (implementation) => {
  const crypto = await loadCrypto(implementation)

  it('is the one asked for', () => expect(crypto.implementation).toBe(implementation))

  it('makes the key pairs and session keys of the reference', () => {
    const dialer = crypto.keyPair(kx('clientSeedHex'))
    const host = crypto.keyPair(kx('serverSeedHex'))
    expect([toHex(dialer.publicKey), toHex(host.publicKey)]).toEqual([vectors.kx['clientPublicHex'], vectors.kx['serverPublicHex']])
    const ofDialer = crypto.sessionKeys('dialer', dialer, host.publicKey)
    const ofHost = crypto.sessionKeys('host', host, dialer.publicKey)
    expect(ofDialer && toHex(ofDialer.receive)).toBe(vectors.kx['clientRxHex'])
    expect(ofDialer && toHex(ofDialer.transmit)).toBe(vectors.kx['clientTxHex'])
    expect(ofHost && toHex(ofHost.receive)).toBe(vectors.kx['serverRxHex'])
    expect(ofHost && toHex(ofHost.transmit)).toBe(vectors.kx['serverTxHex'])
  })

  it.each(['dialerToHost', 'hostToDialer'] as const)('seals and opens the stream %s', (name) => {
    const { keyHex, headerHex, messages } = vectors[name]
    const [key, header] = [fromHex(keyHex), fromHex(headerHex)]
    const sealed = seal(crypto, key, header, messages.map(({ plainHex }) => fromHex(plainHex)))
    expect(sealed.map(toHex)).toEqual(messages.map(({ cipherHex }) => cipherHex))
    const decryptor = crypto.decryptor(key, header)
    for (const { plainHex, cipherHex } of messages) {
      const cipher = fromHex(cipherHex)
      const out = new Uint8Array(cipher.length - cipherOverheadBytes)
      expect(decryptor?.pull(cipher, out)).toBe(true)
      expect(toHex(out)).toBe(plainHex)
    }
  })

  it('refuses keys that are none, and headers of the wrong length', () => {
    const own = crypto.keyPair()
    expect(crypto.sessionKeys('dialer', own, new Uint8Array(31))).toBeUndefined()
    expect(crypto.sessionKeys('dialer', own, new Uint8Array(32))).toBeUndefined() // small order
    expect(crypto.decryptor(new Uint8Array(32), new Uint8Array(streamHeaderBytes - 1))).toBeUndefined()
  })

  it('opens nothing that was changed, cut, repeated or put out of order', () => {
    const key = fromHex(vectors.dialerToHost.keyHex)
    const { header } = crypto.encryptor(key)
    const [first, second] = seal(crypto, key, header, [fromHex('01020304'), fromHex('05060708')]) as [Uint8Array, Uint8Array]
    const attempt = (...ciphers: Uint8Array[]): boolean[] => {
      const decryptor = crypto.decryptor(key, header)
      const opened = ciphers.map((cipher) => decryptor?.pull(cipher, new Uint8Array(64)) ?? false)
      decryptor?.free()
      return opened
    }
    expect(attempt(first, second)).toEqual([true, true])
    expect(attempt(second)).toEqual([false])
    expect(attempt(first, first)).toEqual([true, false])
    expect(attempt(first.subarray(0, 16))).toEqual([false])
    fc.assert(fc.property(fc.nat({ max: first.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const forged = Uint8Array.from(first, (byte, index) => (index === at ? byte ^ change : byte))
      expect(attempt(forged)).toEqual([false])
    }), { numRuns: 50 })
  })

  it('gives its state back', () => {
    const key = new Uint8Array(32)
    // 2 x 52 bytes of wasm memory each if it leaked, 16 MiB in all: it must not grow without end, nor free twice.
    for (let round = 0; round < 50_000; round += 1) {
      const encryptor = crypto.encryptor(key)
      encryptor.free()
      encryptor.free()
    }
  }, 60_000)
})

describe('the two implementations', () => {
  it('understand each other, at any length', async () => {
    const [native, wasm] = [await loadCrypto('native'), await loadCrypto('wasm')]
    const key = Uint8Array.from({ length: 32 }, (_, index) => index)
    for (const [from, to] of [[native, wasm], [wasm, native]] as const) {
      fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), (messages) => {
        const { header } = from.encryptor(key)
        const decryptor = to.decryptor(key, header)
        const opened = seal(from, key, header, messages).map((cipher) => {
          const out = new Uint8Array(cipher.length - cipherOverheadBytes)
          return decryptor?.pull(cipher, out) ? out : undefined
        })
        expect(opened).toEqual(messages)
      }), { numRuns: 30 })
    }
  })
})
