/**
 * A mnemonic (`AAAA`) or, for a type without one here, `TYPE65` (RFC 3597 5). HTTPS and SVCB are `TYPE65` and `TYPE64`
 * on purpose: their data passes through as bytes.
 */
export type RecordType = string

/** Only `IN` questions reach a resolver. */
export type RecordClass = 'IN'

/** IANA "Resource Record (RR) TYPEs". */
const numbers: Readonly<Record<string, number>> = {
  A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, HINFO: 13, MX: 15, TXT: 16, RP: 17, AFSDB: 18, SIG: 24, KEY: 25, AAAA: 28, LOC: 29, SRV: 33, NAPTR: 35,
  KX: 36, CERT: 37, DNAME: 39, OPT: 41, APL: 42, DS: 43, SSHFP: 44, IPSECKEY: 45, RRSIG: 46, NSEC: 47, DNSKEY: 48, DHCID: 49, NSEC3: 50,
  NSEC3PARAM: 51, TLSA: 52, HIP: 55, CDS: 59, CDNSKEY: 60, SPF: 99, TKEY: 249, TSIG: 250, IXFR: 251, AXFR: 252, ANY: 255, URI: 256, CAA: 257,
}

const names: readonly (string | undefined)[] = Object.entries(numbers).reduce<(string | undefined)[]>((list, [name, number]) => {
  list[number] = name
  return list
}, Array.from({ length: 258 }))

export function recordTypeName(number: number): RecordType {
  return names[number] ?? `TYPE${number}`
}

/** The number of `A`, `aaaa`, `TYPE65`, `HTTPS`; undefined when there is no such type. */
export function recordTypeNumber(type: RecordType): number | undefined {
  const known = numbers[type]
  if (known !== undefined) return known
  const upper = type.toUpperCase()
  if (upper === 'HTTPS') return 65
  if (upper === 'SVCB') return 64
  const digits = /^TYPE(\d{1,5})$/.exec(upper)?.[1]
  const number = digits === undefined ? numbers[upper] : Number(digits)
  return number === undefined || number > 65_535 ? undefined : number
}
