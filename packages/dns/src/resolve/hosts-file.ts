import { systemClock, type Clock, type Milliseconds } from '@tunnel/flow'
import { parsePointerName } from '../pool/pointer-name.ts'
import { parseHosts, type HostsTable } from './hosts-text.ts'
import type { Answer, ResolverObject } from './resolver.ts'

export interface HostsFileOptions {
  /** Seconds: 10. */
  readonly ttl?: number
  readonly clock?: Clock
}

/** How often the file is looked at, at most. */
const lookEvery: Milliseconds = 1000
const nodata: Answer = { records: [], authoritative: true }

/**
 * Answers out of a hosts file, or of a text of that form: A, AAAA and PTR. A name that is there and has no address of a
 * family is NODATA for it; every other question is the next resolver's. The file is read again when it has changed; one
 * that cannot be read has no names.
 */
export function hostsFile(source: string | { readonly text: string }, options: HostsFileOptions = {}): ResolverObject {
  const { ttl = 10, clock = systemClock } = options
  const table = typeof source === 'string' ? watchedTable(source, clock) : constantTable(source.text)

  const resolve = ({ key, type }: { key: string; type: string }): Answer | undefined => {
    if (type === 'PTR') return answerPointer(table(), key, ttl)
    const known = table().addresses.get(key)
    if (!known) return undefined
    switch (type) {
      case 'A':
        return { records: known.v4.map((data) => ({ type: 'A', ttl, data })), authoritative: true }
      case 'AAAA':
        return { records: known.v6.map((data) => ({ type: 'AAAA', ttl, data })), authoritative: true }
      case 'TYPE64': // SVCB and HTTPS of elsewhere would lead around the addresses written here (RFC 9460 7.3).
      case 'TYPE65':
        return nodata
      default:
        return undefined
    }
  }
  return { resolve }
}

function answerPointer({ names }: HostsTable, key: string, ttl: number): Answer | undefined {
  const address = parsePointerName(key)
  const name = address === undefined ? undefined : names.get(address)
  return name === undefined ? undefined : { records: [{ type: 'PTR', ttl, data: name }], authoritative: true }
}

function constantTable(text: string): () => HostsTable {
  const table = parseHosts(text)
  return () => table
}

function watchedTable(path: string, clock: Clock): () => HostsTable {
  let table = parseHosts('')
  let seen = ''
  let lookAt: Milliseconds = -Infinity
  return () => {
    const now = clock.now()
    if (now < lookAt) return table
    lookAt = now + lookEvery
    const { stamp, text } = readIfChanged(path, seen)
    if (stamp !== seen) table = parseHosts(text)
    seen = stamp
    return table
  }
}

/** Without an import of Node, so that the rest of the package loads in a browser. Synchronous: answers from a file need no promise. */
function readIfChanged(path: string, seen: string): { stamp: string; text: string } {
  const fs = globalThis.process.getBuiltinModule('node:fs')
  try {
    const { mtimeNs, size, ino } = fs.statSync(path, { bigint: true })
    const stamp = `${mtimeNs} ${size} ${ino}`
    return { stamp, text: stamp === seen ? '' : fs.readFileSync(path, 'utf8') }
  } catch {
    return { stamp: '', text: '' }
  }
}
