/** Numbers of the kernel's socket interface (include/uapi), the same on x64, arm64, riscv64 and loong64. */
export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const AF_NETLINK = 16

export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_SEQPACKET = 5
export const SOCK_NONBLOCK = 0x800
export const SOCK_CLOEXEC = 0x80000

export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_ERROR = 4
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_SNDBUFFORCE = 32
export const SO_RCVBUFFORCE = 33
export const SO_MARK = 36

export const SOL_IP = 0
export const IP_BIND_ADDRESS_NO_PORT = 24
export const IP_TRANSPARENT = 19
export const IP_RECVORIGDSTADDR = 20

export const SOL_IPV6 = 41
export const IPV6_V6ONLY = 26
export const IPV6_RECVORIGDSTADDR = 74
export const IPV6_TRANSPARENT = 75

export const SOL_NETLINK = 270
export const NETLINK_ADD_MEMBERSHIP = 1
export const NETLINK_CAP_ACK = 10
export const NETLINK_EXT_ACK = 11
export const NETLINK_GET_STRICT_CHK = 12

export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const MSG_NOSIGNAL = 0x4000
export const MSG_CMSG_CLOEXEC = 0x40000000

export const SCM_RIGHTS = 1
