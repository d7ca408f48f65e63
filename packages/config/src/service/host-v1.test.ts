import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseHostV1 } from './host-v1.ts'
import { parseHostV2 } from './host-v2.ts'

const fixed = { protocol: 'tcp', address: '10.0.0.5', port: 443 }
const forwarded = {
  forwardProtocol: true,
  allowedProtocols: ['tcp', 'udp'],
  forwardAddress: true,
  allowedAddresses: ['*.corp.ziti', '10.2.0.0/16', '*'],
  forwardPort: true,
  allowedPortRanges: [{ low: 1, high: 65535 }],
}
const valueOf = (json: unknown) => {
  const result = parseHostV1(json)
  if (!result.ok) throw result.error
  return result.value
}
const messageOf = (json: unknown) => {
  const result = parseHostV1(json)
  return result.ok ? undefined : result.error.message
}

describe('parseHostV1 (protocol 6.4)', () => {
  it('reads a fixed target, and empty lists for what is not there', () => {
    expect(valueOf(fixed)).toEqual({
      ...fixed,
      forwardAddressTranslations: [],
      allowedSourceAddresses: [],
      portChecks: [],
      httpChecks: [],
      listenOptions: {},
    })
  })

  it('reads a forwarded target', () => {
    const translation = { from: '10.2.0.0', to: '192.168.0.0', prefixLength: 24 }
    expect(valueOf({ ...forwarded, forwardAddressTranslations: [translation] })).toMatchObject({
      forwardProtocol: true,
      allowedAddresses: [{ kind: 'wildcard', suffix: '.corp.ziti' }, { kind: 'cidr' }, { kind: 'wildcard', suffix: '' }],
      forwardAddressTranslations: [{ from: { text: '10.2.0.0' }, to: { text: '192.168.0.0' }, prefixLength: 24 }],
      allowedPortRanges: [{ low: 1, high: 65535 }],
    })
  })

  it.each([
    [{ ...fixed, protocol: undefined }, /protocol: is missing; give it, or forwardProtocol/],
    [{ ...fixed, forwardProtocol: false, protocol: undefined }, /protocol: is missing/],
    [{ ...fixed, forwardPort: true, allowedPortRanges: [{ low: 1, high: 2 }] }, /port: must be absent, or forwardPort/],
    [{ ...forwarded, allowedAddresses: [] }, /allowedAddresses: must not be empty with forwardAddress/],
    [{ ...forwarded, allowedPortRanges: undefined }, /allowedPortRanges: must not be empty with forwardPort/],
    [{ ...forwarded, allowedProtocols: undefined }, /allowedProtocols: must not be empty with forwardProtocol/],
    [{ ...fixed, port: 65536 }, /port: /],
    [{ ...fixed, proxy: { type: 'socks', address: 'x:1' } }, /proxy\.type: /],
    [{ ...fixed, listenOptions: { connectTimeout: '5' } }, /listenOptions\.connectTimeout: "5" is not a duration/],
    [{ ...fixed, listenOptions: { precedence: 'best' } }, /listenOptions\.precedence: /],
    [{ ...fixed, forwardAddressTranslations: [{ from: '10.0.0.0', to: '::', prefixLength: 8 }] }, /Translations\[0\]: from and to must both/],
    [{ ...fixed, forwardAddressTranslations: [{ from: '10.0.0.0', to: '1.0.0.0', prefixLength: 33 }] }, /at most 32 for IPv4/],
  ])('says what is wrong with %j', (json, message) => expect(messageOf(json)).toMatch(message))

  it('never throws on any JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (json) => void parseHostV1(json)))
    const extra = fc.dictionary(fc.constantFrom(...Object.keys(forwarded), 'listenOptions', 'portChecks', 'httpChecks', 'proxy'), fc.jsonValue())
    fc.assert(fc.property(extra, (json) => void parseHostV1({ ...fixed, ...json })))
  })
})

describe('listenOptions', () => {
  const options = (listenOptions: object) => valueOf({ ...fixed, listenOptions }).listenOptions

  it('takes connectTimeout before connectTimeoutSeconds', () => {
    expect(options({ connectTimeout: '1m30s', connectTimeoutSeconds: 7 }).connectTimeout).toBe(90_000)
    expect(options({ connectTimeoutSeconds: 7 }).connectTimeout).toBe(7_000)
    expect(options({}).connectTimeout).toBeUndefined()
  })

  it('reads the precedence also from the misspelt key of the C tools', () => {
    expect(options({ precendence: 'required' }).precedence).toBe('required')
    expect(options({ precendence: 'required', precedence: 'failed' }).precedence).toBe('failed')
  })
})

describe('health checks (protocol 5.7)', () => {
  it('reads port checks, HTTP checks and their actions', () => {
    const actions = [
      { trigger: 'fail', consecutiveEvents: 3, duration: '10s', action: 'mark unhealthy' },
      { trigger: 'change', action: 'increase cost 100' },
    ]
    const { portChecks, httpChecks } = valueOf({
      ...fixed,
      portChecks: [{ address: '10.0.0.5:443', interval: '5s', timeout: '500ms', actions }],
      httpChecks: [{ url: 'http://10.0.0.5/health', interval: '1m', timeout: '1s' }],
    })
    expect(portChecks).toEqual([
      {
        address: '10.0.0.5:443',
        interval: 5_000,
        timeout: 500,
        actions: [
          { trigger: 'fail', consecutiveEvents: 3, duration: 10_000, effect: { do: 'mark unhealthy' } },
          { trigger: 'change', effect: { do: 'increase cost', by: 100 } },
        ],
      },
    ])
    expect(httpChecks).toEqual([
      { url: 'http://10.0.0.5/health', method: 'GET', expectStatus: 200, interval: 60_000, timeout: 1_000, actions: [] },
    ])
  })

  it.each(['mark dead', 'increase cost', 'increase cost 99999', 'decrease cost -1'])('refuses the action %j', (action) => {
    const check = { address: 'a:1', interval: '5s', timeout: '1s', actions: [{ trigger: 'fail', action }] }
    expect(messageOf({ ...fixed, portChecks: [check] })).toMatch(/^host\.v1, portChecks\[0\]\.actions\[0\]\.action: /)
  })
})

describe('parseHostV2 (protocol 6.5)', () => {
  it('reads every terminator, and names the one that is wrong', () => {
    expect(parseHostV2({ terminators: [fixed, forwarded] })).toMatchObject({ ok: true, value: { terminators: [{ port: 443 }, { forwardPort: true }] } })
    const result = parseHostV2({ terminators: [fixed, { ...fixed, port: 'x' }] })
    expect(result.ok ? '' : result.error.message).toMatch(/^host\.v2, terminators\[1\]\.port: expected number/)
  })
})
