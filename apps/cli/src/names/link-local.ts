import { CodedError } from '@tunnel/flow'

/** Addresses 169.254.1.1 to 169.254.254.254: the link-local block but for its first and last 256, which are reserved (RFC 3927 2.1). */
const first = 1 << 8
const last = 255 << 8

/** The original's second choice: an unused link-local address. */
export function unusedLinkLocal(isTaken: (address: string) => boolean): string {
  for (let low = first; low < last; low += 1) {
    const lastByte = low & 0xff
    if (lastByte === 0 || lastByte === 255) continue
    const address = `169.254.${low >> 8}.${lastByte}`
    if (!isTaken(address)) return address
  }
  throw new CodedError('dns.pool-exhausted', 'every link-local address (169.254.0.0/16) is taken; use --ip-assignment synthetic')
}
