import { formatIpAddress, parseIpAddress } from '@tunnel/flow'
import { lowerCaseName } from '../message/question.ts'

/** What a hosts file says. Names are in lower case. */
export interface HostsTable {
  /** The addresses of a name, in the order of the file. */
  readonly addresses: ReadonlyMap<string, { readonly v4: readonly string[]; readonly v6: readonly string[] }>
  /** The first name of an address's first line: its canonical one (hosts(5)). */
  readonly names: ReadonlyMap<string, string>
}

/** Lines that are no address and names are passed over, as every reader of this file does. */
export function parseHosts(text: string): HostsTable {
  const addresses = new Map<string, { v4: string[]; v6: string[] }>()
  const names = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [field = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/)
    // An address of a link (`fe80::1%lo0`) means nothing to who asks by DNS, and is passed over with the rest.
    const parsed = parseIpAddress(field)
    if (!parsed) continue
    const address = formatIpAddress(parsed)
    for (const alias of aliases) {
      const name = lowerCaseName(alias.endsWith('.') ? alias.slice(0, -1) : alias)
      if (name === '') continue
      if (!names.has(address)) names.set(address, name)
      const known = addresses.get(name) ?? { v4: [], v6: [] }
      const list = parsed.family === 4 ? known.v4 : known.v6
      if (!list.includes(address)) list.push(address)
      addresses.set(name, known)
    }
  }
  return { addresses, names }
}
