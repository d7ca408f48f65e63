/** The header of every message (RFC 1035 4.1.1). */
export const headerBytes = 12
/** The most that fits in a TCP frame, and in any message. */
export const maxMessageBytes = 65_535
/** What a UDP client without EDNS0 takes (RFC 1035 2.3.4), and the least that one with it takes (RFC 6891 6.2.3). */
export const plainUdpBytes = 512

/** Bits of the second 16-bit word. */
export const flag = {
  response: 0x8000,
  opcode: 0x7800,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  /** RFC 4035 3.2.3 */
  authenticData: 0x0020,
  /** RFC 4035 3.2.2 */
  checkingDisabled: 0x0010,
  rcode: 0x000f,
} as const

/** Root name, type, size, extended rcode and flags, length (RFC 6891 6.1.2). */
export const optBytes = 11

/** The DO bit in the flags of an OPT record (RFC 3225 3). */
export const dnssecOkFlag = 0x8000

export const typeNumber = { OPT: 41 } as const
