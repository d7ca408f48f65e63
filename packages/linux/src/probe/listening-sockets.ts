import type { RootedFiles } from '../resolver/rooted-files.ts'
import { processLabel } from './process-label.ts'

/** A socket that would stand in the way of ours. */
export interface ListeningSocket {
  readonly protocol: 'udp' | 'tcp'
  readonly address: string
  /** As `dnsmasq (pid 812)`; undefined when it belongs to a process that we cannot see. */
  readonly holder?: string
}

/** TCP_LISTEN, and TCP_CLOSE as which an unconnected UDP socket is shown (net/tcp_states.h). */
const states = { tcp: '0A', udp: '07' } as const
/** 127.0.0.1, 0.0.0.0 and :: (which takes IPv4 too unless it says otherwise), in the host byte order of /proc/net. */
const inTheWay: Readonly<Record<string, string>> = {
  '0100007F': '127.0.0.1',
  '00000000': '0.0.0.0',
  '00000000000000000000000000000000': '[::]',
}

/** Who has 127.0.0.1:`port` already, from proc_net(5): asking the kernel to bind it would need the privilege. */
export async function listenersOn(files: RootedFiles, port: number): Promise<ListeningSocket[]> {
  const found: (ListeningSocket & { inode: string })[] = []
  for (const protocol of ['udp', 'tcp'] as const) {
    for (const version of ['', '6']) {
      const lines = ((await files.text(`/proc/net/${protocol}${version}`)) ?? '').split('\n').slice(1)
      for (const line of lines) {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
        const [address = '', hexPort = ''] = local.split(':')
        const known = inTheWay[address]
        if (known !== undefined && state === states[protocol] && Number.parseInt(hexPort, 16) === port) found.push({ protocol, address: known, inode })
      }
    }
  }
  const holders = found.length > 0 ? await holdersOf(files, new Set(found.map(({ inode }) => inode))) : new Map<string, string>()
  return found.map(({ inode, ...socket }) => {
    const holder = holders.get(inode)
    return holder === undefined ? socket : { ...socket, holder }
  })
}

/** By inode, in one walk over the descriptors of all processes that we may look at. */
async function holdersOf(files: RootedFiles, inodes: ReadonlySet<string>): Promise<Map<string, string>> {
  const holders = new Map<string, string>()
  for (const pid of await files.names('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    for (const descriptor of await files.names(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec((await files.link(`/proc/${pid}/fd/${descriptor}`)) ?? '')?.[1]
      if (inode === undefined || !inodes.has(inode)) continue
      holders.set(inode, processLabel(pid, await files.text(`/proc/${pid}/comm`), await files.text(`/proc/${pid}/cmdline`)))
      if (holders.size === inodes.size) return holders
    }
  }
  return holders
}
