import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import { CodedError } from '@tunnel/flow'
import { errno } from './libc.ts'

/**
 * Why a system call failed; `detail` has `call` and `errno` (`EPERM`).
 *
 * - `linux.permission`: the process lacks a capability.
 * - `linux.exists`: what should be made is there already.
 * - `linux.missing`: what should be used or removed is not there.
 * - `linux.unsupported`: this kernel, platform or build of koffi cannot do it.
 * - `linux.invalid`: what was asked for makes no sense, before any call was made.
 * - `linux.read-only`: the file system of a file that should be changed is read-only.
 * - `linux.not-a-file`, `linux.file-too-large`: what should be replaced for a time is no plain file, or larger than 5 MiB.
 * - `linux.no-slot`: as many instances as there are marks intercept in this network already.
 * - `linux.no-namespace`: this system gives this user no namespaces, or no TUN device in them; the message names the setting.
 * - `linux.call-failed`: anything else.
 */
export type LinuxErrorCode =
  | 'linux.permission'
  | 'linux.exists'
  | 'linux.missing'
  | 'linux.unsupported'
  | 'linux.invalid'
  | 'linux.read-only'
  | 'linux.not-a-file'
  | 'linux.file-too-large'
  | 'linux.no-slot'
  | 'linux.no-namespace'
  | 'linux.call-failed'

const codes: Readonly<Record<string, LinuxErrorCode>> = {
  EPERM: 'linux.permission',
  EACCES: 'linux.permission',
  EEXIST: 'linux.exists',
  EADDRINUSE: 'linux.exists',
  EBUSY: 'linux.exists',
  ENOENT: 'linux.missing',
  ESRCH: 'linux.missing',
  ENODEV: 'linux.missing',
  ENXIO: 'linux.missing',
  EADDRNOTAVAIL: 'linux.missing',
  EOPNOTSUPP: 'linux.unsupported',
  ENOTSUP: 'linux.unsupported',
  EPROTONOSUPPORT: 'linux.unsupported',
  EAFNOSUPPORT: 'linux.unsupported',
  ENOPROTOOPT: 'linux.unsupported',
  ENOSYS: 'linux.unsupported',
}

/** `EPERM` for 1. */
export function errnoName(number: number): string {
  return getSystemErrorName(-number)
}

/** `kernel` is what the kernel itself says about the reason, where it does (netlink's extended acknowledgement). */
export function callError(doing: string, call: string, number: number, kernel?: string): CodedError {
  const name = errnoName(number)
  const code = codes[name] ?? 'linux.call-failed'
  const why = kernel === undefined ? getSystemErrorMessage(-number) : `${getSystemErrorMessage(-number)}, ${kernel}`
  const remedy = code === 'linux.permission' ? '. Run as root, or grant CAP_NET_ADMIN' : ''
  return new CodedError(code, `Cannot ${doing}: ${why} (${call}: ${name})${remedy}`, {
    detail: { call, errno: name, kernel },
  })
}

/** The result of a call, unless it is -1: then throws, with `doing` as what was tried (`open a netlink socket`). */
export function checked(result: number, call: string, doing: string): number {
  if (result >= 0) return result
  throw callError(doing, call, errno())
}
