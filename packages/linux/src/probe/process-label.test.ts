import { expect, it } from 'vitest'
import { processLabel } from './process-label.ts'

it.each([
  ['dnsmasq\n', '/usr/sbin/dnsmasq\0-k\0', 'dnsmasq (pid 812)'],
  ['MainThread\n', 'node\0--enable-source-maps\0/srv/dns/server.js\0--port\0', 'server.js (pid 812)'],
  ['node\n', 'node\0', 'node (pid 812)'],
  ['ziti-tunnel -i \n', 'ziti-tunnel -i me.json run\0', 'ziti-tunnel (pid 812)'],
  ['\n', undefined, 'a program (pid 812)'],
  [undefined, undefined, 'a program (pid 812)'],
])('a process with the name %j and the command line %j is %s', (comm, cmdline, label) => {
  expect(processLabel('812', comm, cmdline)).toBe(label)
})
