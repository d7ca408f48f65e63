import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseInterceptV1 } from './intercept-v1.ts'

const web = { protocols: ['tcp', 'udp'], addresses: ['web.ziti', '10.2.0.0/16'], portRanges: [{ low: 80, high: 443 }] }
const messageOf = (json: unknown) => {
  const result = parseInterceptV1(json)
  return result.ok ? undefined : result.error.message
}

describe('parseInterceptV1 (protocol 6.1)', () => {
  it('reads every member', () => {
    const dialOptions = { connectTimeoutSeconds: 15, identity: '$dst_hostname' }
    const more = { dialOptions, sourceIp: '$src_ip:$src_port', allowedSourceAddresses: ['192.168.0.0/24'] }
    expect(parseInterceptV1({ ...web, ...more })).toMatchObject({
      ok: true,
      value: {
        protocols: ['tcp', 'udp'],
        addresses: [{ kind: 'host' }, { kind: 'cidr' }],
        portRanges: [{ low: 80, high: 443 }],
        dialOptions,
        sourceIp: '$src_ip:$src_port',
        allowedSourceAddresses: [{ kind: 'cidr', prefixLength: 24 }],
      },
    })
  })

  it('matches member names whatever their case, as Go does, and prefers the exact one', () => {
    const loud = { PROTOCOLS: ['tcp'], Addresses: ['web.ziti'], portranges: [{ Low: 1, HIGH: 2, high: 3 }] }
    expect(parseInterceptV1(loud)).toMatchObject({ ok: true, value: { protocols: ['tcp'], portRanges: [{ low: 1, high: 3 }] } })
  })

  it('ignores unknown members, and takes null and an empty template for absent', () => {
    const result = parseInterceptV1({ ...web, futureMember: { a: 1 }, dialOptions: { identity: '', new: 1 }, sourceIp: null, allowedSourceAddresses: [] })
    expect(result).toMatchObject({ ok: true, value: { dialOptions: {} } })
    if (result.ok) expect([result.value.sourceIp, result.value.allowedSourceAddresses, result.value.dialOptions?.identity]).toEqual([undefined, undefined, undefined])
  })

  it.each([
    [undefined, /^intercept\.v1: expected object/],
    [[], /^intercept\.v1: expected object/],
    [{ ...web, protocols: ['sctp'] }, /^intercept\.v1, protocols\[0\]: .*"tcp"/],
    [{ ...web, protocols: [] }, /^intercept\.v1, protocols: must name at least one/],
    [{ ...web, addresses: ['web.ziti', '*'] }, /^intercept\.v1, addresses\[1\]: "\*" is not an IP address/],
    [{ ...web, addresses: undefined }, /^intercept\.v1, addresses: .*missing/],
    [{ ...web, portRanges: [{ low: 2, high: 1 }] }, /^intercept\.v1, portRanges\[0\]: low must not be greater/],
    [{ ...web, portRanges: [{ low: 0, high: 65536 }] }, /^intercept\.v1, portRanges\[0\]\.high: .*65535/],
    [{ ...web, portRanges: [{ low: '1', high: 2 }] }, /^intercept\.v1, portRanges\[0\]\.low: expected number/],
    [{ ...web, dialOptions: { connectTimeoutSeconds: -1 } }, /^intercept\.v1, dialOptions\.connectTimeoutSeconds: /],
    [{ ...web, allowedSourceAddresses: ['lan.ziti'] }, /^intercept\.v1, allowedSourceAddresses\[0\]: "lan.ziti" is not an IP/],
  ])('names the field that is wrong: %j', (json, message) => expect(messageOf(json)).toMatch(message))

  it('keeps its messages on one short line, whatever the input', () => {
    const message = messageOf({ ...web, addresses: [`*\n${'x'.repeat(10_000)}`] })
    expect(message).not.toContain('\n')
    expect(message?.length).toBeLessThan(300)
  })

  it('never throws on any JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (json) => void parseInterceptV1(json)))
    const shaped = fc.record({ protocols: fc.jsonValue(), addresses: fc.array(fc.string()), portRanges: fc.jsonValue(), dialOptions: fc.jsonValue() })
    fc.assert(fc.property(shaped, (json) => void parseInterceptV1(json)))
  })
})
