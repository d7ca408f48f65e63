import { describe, expect, it } from 'vitest'
import { insideNsswitch, insideResolvConf } from './inside-files.ts'

describe('the files of a command', () => {
  it('resolv.conf names our server, and keeps search list and options', () => {
    const host = '# by NetworkManager\nsearch corp.example\nnameserver 127.0.0.53\noptions edns0 trust-ad\nnameserver 10.0.0.1\n'
    expect(insideResolvConf(host, '100.64.0.2')).toBe('nameserver 100.64.0.2\nsearch corp.example\noptions edns0 trust-ad\n')
  })

  it.each([
    ['hosts: files mdns4_minimal [NOTFOUND=return] dns', undefined],
    ['hosts:          files resolve [!UNAVAIL=return] dns myhostname', 'hosts: files dns myhostname'],
    ['hosts: mymachines resolve [!UNAVAIL=return] files myhostname', 'hosts: mymachines dns files myhostname'],
    ['hosts: files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns', 'hosts: files mdns4_minimal [NOTFOUND=return] dns'],
    ['hosts: files dns resolve', 'hosts: files dns'],
  ])('nsswitch.conf: %s', (host, inside) => {
    const around = (line: string): string => `passwd: files\n${line}\nnetworks: files\n`
    expect(insideNsswitch(around(host))).toBe(inside === undefined ? undefined : around(inside))
  })
})
