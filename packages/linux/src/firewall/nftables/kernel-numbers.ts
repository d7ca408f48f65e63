/**
 * Numbers of include/uapi/linux/netfilter.h, nfnetlink.h and netfilter/nf_tables.h, under the kernel's names without
 * their common prefix. They are interface: they never change.
 */
export const NETLINK_NETFILTER = 12
export const subsystemNftables = 10
/** NFPROTO_INET: one table for IPv4 and IPv6. */
export const familyInet = 1

/** nfnetlink.h: the brackets of a transaction; their `res_id` names the subsystem. */
export const batchMessage = { begin: 0x10, end: 0x11 } as const

/** NFT_MSG_*, in the low byte of a message's type; the high byte is the subsystem. */
export const nftMessage = {
  newTable: 0, getTable: 1, delTable: 2, newChain: 3, getChain: 4, delChain: 5, newRule: 6, getRule: 7, delRule: 8,
  newSet: 9, getSet: 10, delSet: 11, newElements: 12, getElements: 13, delElements: 14,
} as const

export const tableFlag = { owner: 0x2 } as const
export const setFlag = { anonymous: 0x1, constant: 0x2, interval: 0x4, concatenated: 0x80 } as const
export const elementFlag = { intervalEnd: 0x1 } as const

export const tableAttribute = { name: 1, flags: 2, use: 3, handle: 4 } as const
export const chainAttribute = { table: 1, handle: 2, name: 3, hook: 4, policy: 5, use: 6, type: 7 } as const
export const hookAttribute = { number: 1, priority: 2 } as const
export const ruleAttribute = { table: 1, chain: 2, handle: 3, expressions: 4, position: 6, userdata: 7 } as const
export const setAttribute = { table: 1, name: 2, flags: 3, keyType: 4, keyLength: 5, description: 9, id: 10, userdata: 13 } as const
export const setDescriptionAttribute = { size: 1, concatenation: 2 } as const
export const setFieldAttribute = { length: 1 } as const
export const elementAttribute = { key: 1, flags: 3, keyEnd: 10 } as const
export const elementListAttribute = { table: 1, set: 2, elements: 3, setId: 4 } as const
export const listAttribute = { element: 1 } as const
export const dataAttribute = { value: 1, verdict: 2 } as const
export const verdictAttribute = { code: 1, chain: 2 } as const
export const expressionAttribute = { name: 1, data: 2 } as const

export const immediateAttribute = { register: 1, data: 2 } as const
export const bitwiseAttribute = { source: 1, destination: 2, length: 3, mask: 4, xor: 5 } as const
export const compareAttribute = { register: 1, operation: 2, data: 3 } as const
export const rangeAttribute = { register: 1, operation: 2, from: 3, to: 4 } as const
export const lookupAttribute = { set: 1, register: 2, setId: 4, flags: 5 } as const
export const payloadAttribute = { register: 1, base: 2, offset: 3, length: 4 } as const
export const metaAttribute = { destination: 1, key: 2, source: 3 } as const
export const socketAttribute = { key: 1, register: 2 } as const
export const connectionAttribute = { register: 1, key: 2 } as const
export const fibAttribute = { register: 1, result: 2, flags: 3 } as const
export const tproxyAttribute = { family: 1, addressRegister: 2, portRegister: 3 } as const
export const rejectAttribute = { type: 1, code: 2 } as const

export const compareOperation = { equal: 0, notEqual: 1, lessOrEqual: 3, greaterOrEqual: 5 } as const
export const rangeOperation = { inside: 0, outside: 1 } as const
export const lookupFlag = { inverted: 1 } as const
export const payloadBase = { network: 1, transport: 2 } as const
export const metaKey = { mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const
export const socketKey = { transparent: 0, mark: 1, wildcard: 2 } as const
export const connectionKey = { direction: 1 } as const
/** NFTA_FIB_F_DADDR and NFT_FIB_RESULT_ADDRTYPE. */
export const fibFlag = { sourceAddress: 1, destinationAddress: 2 } as const
export const fibResult = { addressType: 3 } as const
export const rejectType = { icmp: 0, tcpReset: 1, icmpx: 2 } as const

export const register = { verdict: 0, first: 1, second: 2, firstWord: 8 } as const

/** NF_* and NFT_*: what an immediate in the verdict register does. */
export const verdictCode = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const

/** NF_INET_*: the hooks of the inet family. */
export const hookNumber = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const

export const protocolFamily = { ipv4: 2, ipv6: 10 } as const
export const ipProtocol = { icmp: 1, tcp: 6, udp: 17, ipv6_icmp: 58 } as const
/** rtnetlink.h RTN_*: what the routing table says of an address. */
export const addressType = { unspec: 0, unicast: 1, local: 2, broadcast: 3, anycast: 4, multicast: 5, blackhole: 6, unreachable: 7, prohibit: 8 } as const
