import { readdir, readFile, readlink } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import type { Endpoint, Protocol } from '@tunnel/flow'
import { processLabel } from './process-label.ts'

/**
 * Who has a local address and port, or one that is in its way, as `dnsmasq (pid 812)`. Undefined when it is free. Needs no privilege, but
 * with little of it the program cannot be named.
 */
export async function ownerOfPort(protocol: Protocol, endpoint: Endpoint, proc = '/proc'): Promise<string | undefined> {
  const tables = await Promise.all([`${protocol}`, `${protocol}6`].map((name) => readFile(`${proc}/net/${name}`, 'latin1').catch(() => '')))
  const inodes = new Set(tables.flatMap((table) => inodesOf(table, protocol, endpoint)))
  return inodes.size === 0 ? undefined : ((await processWith(inodes, proc)) ?? 'a program that cannot be seen from here')
}

const listening = '0A'

/** proc_net(5): the second field is address and port in hexadecimal, the fourth the state, the tenth the inode. */
export function inodesOf(table: string, protocol: Protocol, { address, port }: Endpoint): string[] {
  return table.split('\n').slice(1).flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    const [host = '', hexPort = ''] = local.split(':')
    const counts = protocol === 'udp' || state === listening
    return inode !== undefined && counts && Number.parseInt(hexPort, 16) === port && overlap(host, address) ? [inode] : []
  })
}

/** Of IPv6 addresses the port alone is looked at: whoever has it is worth naming. */
function overlap(host: string, address: string): boolean {
  if (/^0+$/.test(host) || !isIPv4(address)) return true
  const bytes = address.split('.').reverse().map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'))
  // Also the end of `::ffff:127.0.0.1`.
  return host.endsWith(bytes.join(''))
}

async function processWith(inodes: ReadonlySet<string>, proc: string): Promise<string | undefined> {
  const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    const descriptors = await readdir(`${proc}/${pid}/fd`).catch(() => [])
    for (const descriptor of descriptors) {
      const link = await readlink(`${proc}/${pid}/fd/${descriptor}`).catch(() => '')
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1]
      if (inode === undefined || !inodes.has(inode)) continue
      const [comm, cmdline] = await Promise.all(['comm', 'cmdline'].map((file) => readFile(`${proc}/${pid}/${file}`, 'utf8').catch(() => undefined)))
      return processLabel(pid, comm, cmdline)
    }
  }
  return undefined
}
