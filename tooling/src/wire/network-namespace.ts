import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'

const CLONE_NEWNET = 0x4000_0000

/**
 * Runs `work` inside the network namespace that `path` names (`/proc/123/ns/net`) and comes back. Namespaces belong to threads, and what is opened inside
 * stays inside: sockets, and the links of TUN descriptors.
 */
export function inNetworkNamespace<T>(path: string, work: () => T): T {
  const setns = koffi.load(null).func('int setns(int fd, int kind)') as (fd: number, kind: number) => number
  const enter = (fd: number): void => {
    if (setns(fd, CLONE_NEWNET) !== 0) throw new Error(`cannot enter the network namespace ${path}: errno ${koffi.errno()}`)
  }
  const own = openSync('/proc/thread-self/ns/net', 'r')
  const other = openSync(path, 'r')
  try {
    enter(other)
    try {
      return work()
    } finally {
      enter(own)
    }
  } finally {
    closeSync(own)
    closeSync(other)
  }
}
