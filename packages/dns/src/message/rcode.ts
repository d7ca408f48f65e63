/** How a question ended (RFC 1035 4.1.1, RFC 2136 2.2, RFC 6891 9). */
export type Rcode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED' | 'NOTAUTH' | 'BADVERS' | `RCODE${number}`

const numbers: Readonly<Record<string, number>> = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, NOTAUTH: 9, BADVERS: 16 }
const names = new Map(Object.entries(numbers).map(([name, number]) => [number, name as Rcode]))

export function rcodeName(number: number): Rcode {
  return names.get(number) ?? `RCODE${number}`
}

/** 0 to 4095: the upper eight bits travel in the OPT record. */
export function rcodeNumber(rcode: Rcode): number {
  return numbers[rcode] ?? (Number(rcode.slice('RCODE'.length)) & 0xfff)
}
