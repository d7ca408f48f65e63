import { isCodedError } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { parseProxySpec } from './proxy-spec.ts'

describe('parseProxySpec', () => {
  it.each([
    ['ssh:2222', { service: 'ssh', protocol: 'tcp', port: 2222 }],
    ['dns:5353:udp', { service: 'dns', protocol: 'udp', port: 5353 }],
    ['web:80:tcp', { service: 'web', protocol: 'tcp', port: 80 }],
    ['wttr.in:8443', { service: 'wttr.in', protocol: 'tcp', port: 8443 }],
    ['a:b:65535', { service: 'a:b', protocol: 'tcp', port: 65535 }],
    ['urn:x:1:2:udp', { service: 'urn:x:1', protocol: 'udp', port: 2 }],
    ['my service:1', { service: 'my service', protocol: 'tcp', port: 1 }],
    ['udp:53:udp', { service: 'udp', protocol: 'udp', port: 53 }],
  ])('reads %s', (spec, expected) => expect(parseProxySpec(spec)).toEqual(expected))

  it.each([
    ['svc:1-70000', "'1-70000' is neither a port nor one of tcp and udp"],
    ['svc:70000', 'port 70000 is not from 1 to 65535'],
    ['svc:0', 'port 0 is not from 1 to 65535'],
    ['svc:80:icmp', "'icmp' is neither a port nor one of tcp and udp"],
    ['svc:80:UDP', "'UDP' is neither a port nor one of tcp and udp"],
    ['svc:', "'' is neither a port nor one of tcp and udp"],
    ['svc', 'no port is named'],
    ['svc:tcp', 'no port is named'],
    ['svc:+5', "'+5' is neither a port nor one of tcp and udp"],
    ['2222', 'no service is named'],
    [':2222', 'no service is named'],
    ['', 'no service is named'],
    ['udp', 'no service is named'],
  ])('refuses %j in one line', (spec, why) => {
    const error = parseProxySpec(spec)
    if (!isCodedError(error, 'proxy.spec-invalid')) throw new Error('it was accepted')
    expect(error.message).toBe(`'${spec}' does not say what to listen for: ${why}. Write service:port or service:port:udp`)
  })
})
