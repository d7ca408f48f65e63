export type { LinuxErrorCode } from './ffi/call-error.ts'
export { ownMark, ownMask, slotCount, slotMark } from './marks.ts'
export * from './netlink/netlink-socket.ts'
