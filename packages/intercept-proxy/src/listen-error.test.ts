import { describe, expect, it } from 'vitest'
import { toListenError } from './listen-error.ts'

const spec = { service: 'web', protocol: 'tcp', address: '0.0.0.0', port: 80 } as const
const systemError = (code: string) => Object.assign(new Error(`listen ${code}`), { code })

describe('toListenError', () => {
  it.each([
    ['EACCES', 'proxy.port-forbidden', 'this user may not use port 80. Choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE'],
    ['EADDRINUSE', 'proxy.port-in-use', 'another program uses port 80. Stop it, or choose another port'],
    ['EADDRNOTAVAIL', 'proxy.address-unavailable', 'this host does not have the address 0.0.0.0. Bind to one that it has, or to 0.0.0.0'],
    ['EMFILE', 'proxy.listen-failed', 'listen EMFILE'],
  ])('says what %s means', (errno, code, why) => {
    const error = toListenError(spec, systemError(errno))
    expect([error.code, error.message]).toEqual([code, `Cannot listen on tcp 0.0.0.0:80 for service 'web': ${why}`])
    expect(error.detail).toEqual({ service: 'web', protocol: 'tcp', addr: '0.0.0.0:80', errno })
  })
})
