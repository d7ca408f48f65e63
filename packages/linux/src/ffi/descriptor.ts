import { callError, checked } from './call-error.ts'
import { errno, libc } from './libc.ts'
import { SOCK_CLOEXEC } from './constants.ts'

/** A new descriptor, never inherited by children. */
export function openDescriptor(domain: number, type: number, protocol: number, doing: string): number {
  return checked(libc().socket(domain, type | SOCK_CLOEXEC, protocol), 'socket', doing)
}

export function setOption(fd: number, level: number, option: number, value: number, doing: string): void {
  const number = trySetOption(fd, level, option, value)
  if (number !== 0) throw callError(doing, 'setsockopt', number)
}

/** 0, or the errno: for options that the kernel may not know, or may not grant. */
export function trySetOption(fd: number, level: number, option: number, value: number): number {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value >>> 0, true)
  return libc().setsockopt(fd, level, option, bytes, 4) < 0 ? errno() : 0
}

export function getOption(fd: number, level: number, option: number, doing: string): number {
  const bytes = new Uint8Array(4)
  const length = new Uint8Array([4, 0, 0, 0])
  checked(libc().getsockopt(fd, level, option, bytes, length), 'getsockopt', doing)
  return new DataView(bytes.buffer).getInt32(0, true)
}

/** Runs `prepare` on a fresh descriptor, and closes that if it throws. */
export function preparing<T>(fd: number, prepare: (fd: number) => T): T {
  try {
    return prepare(fd)
  } catch (error) {
    libc().close(fd)
    throw error
  }
}
