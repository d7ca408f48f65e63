import { createRequire } from 'node:module'
import { endianness } from 'node:os'
import { CodedError } from '@tunnel/flow'
import type * as Koffi from 'koffi'

/**
 * The functions of the C library that this package calls, each declared once. What they return is the kernel's: -1 means
 * that `errno()` has the reason. Structures are laid out by hand in byte arrays, for 64-bit little-endian machines.
 */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  listen(fd: number, backlog: number): number
  connect(fd: number, address: Uint8Array, length: number): number
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number
  recv(fd: number, bytes: Uint8Array, length: number, flags: number): number
  recvmmsg(fd: number, messages: Uint8Array, count: number, flags: number, timeout: null): number
  sendmmsg(fd: number, messages: Uint8Array, count: number, flags: number): number
  open(path: string, flags: number, mode: number): number
  ioctl(fd: number, request: number, argument: Uint8Array): number
  /** For requests whose argument is a number. */
  ioctlNumber(fd: number, request: number, argument: number): number
  read(fd: number, bytes: Uint8Array, length: number): number
  writev(fd: number, vector: Uint8Array, count: number): number
  close(fd: number): number
  if_nametoindex(name: string): number
  if_indextoname(index: number, name: Uint8Array): unknown
  socketpair(domain: number, type: number, protocol: number, descriptors: Uint8Array): number
  sendmsg(fd: number, message: Uint8Array, flags: number): number
  recvmsg(fd: number, message: Uint8Array, flags: number): number
  mount(source: string, target: string, type: string | null, flags: number, data: string | null): number
  umount2(target: string, flags: number): number
  /** For commands whose argument is a number. */
  fcntl(fd: number, command: number, argument: number): number
  /** `null`: the signal's default effect. */
  signal(number: number, handler: null): unknown
  /** Returns only when it fails. The last word is null. */
  execvp(file: string, words: readonly (string | null)[]): number
}

const declarations: Readonly<Record<keyof Libc, string>> = {
  socket: 'int socket(int domain, int type, int protocol)',
  bind: 'int bind(int fd, const void *address, unsigned int length)',
  listen: 'int listen(int fd, int backlog)',
  connect: 'int connect(int fd, const void *address, unsigned int length)',
  getsockname: 'int getsockname(int fd, void *address, void *length)',
  setsockopt: 'int setsockopt(int fd, int level, int option, const void *value, unsigned int length)',
  getsockopt: 'int getsockopt(int fd, int level, int option, void *value, void *length)',
  // ssize_t is unknown to koffi.
  send: 'int64_t send(int fd, const void *bytes, size_t length, int flags)',
  recv: 'int64_t recv(int fd, void *bytes, size_t length, int flags)',
  recvmmsg: 'int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)',
  sendmmsg: 'int sendmmsg(int fd, void *messages, unsigned int count, int flags)',
  open: 'int open(const char *path, int flags, unsigned int mode)',
  ioctl: 'int ioctl(int fd, unsigned long request, void *argument)',
  ioctlNumber: 'int ioctl(int fd, unsigned long request, unsigned long argument)',
  read: 'int64_t read(int fd, void *bytes, size_t length)',
  writev: 'int64_t writev(int fd, const void *vector, int count)',
  close: 'int close(int fd)',
  if_nametoindex: 'unsigned int if_nametoindex(const char *name)',
  if_indextoname: 'void *if_indextoname(unsigned int index, void *name)',
  socketpair: 'int socketpair(int domain, int type, int protocol, void *descriptors)',
  sendmsg: 'int64_t sendmsg(int fd, const void *message, int flags)',
  recvmsg: 'int64_t recvmsg(int fd, void *message, int flags)',
  mount: 'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
  umount2: 'int umount2(const char *target, int flags)',
  fcntl: 'int fcntl(int fd, int command, int argument)',
  signal: 'void *signal(int number, void *handler)',
  execvp: 'int execvp(const char *file, const char **words)',
}

let loadedKoffi: typeof Koffi | undefined
let loadedLibc: Libc | undefined

/** Loaded at the first call: importing this package runs nothing, and works where no call is possible. Throws `linux.unsupported`. */
export function koffi(): typeof Koffi {
  if (loadedKoffi) return loadedKoffi
  if (process.platform !== 'linux' || endianness() !== 'LE' || !['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch)) {
    throw new CodedError(
      'linux.unsupported',
      `System calls work on 64-bit little-endian Linux only, this is ${process.platform} on ${process.arch}`,
    )
  }
  try {
    loadedKoffi = createRequire(import.meta.url)('koffi') as typeof Koffi
    return loadedKoffi
  } catch (cause) {
    throw new CodedError(
      'linux.unsupported',
      `Cannot load koffi, which makes the system calls: ${cause instanceof Error ? cause.message : String(cause)}. ` +
        'Install with optional dependencies, on a platform that koffi has a build for',
      { cause },
    )
  }
}

/** The C library of this process, glibc or musl. Throws `linux.unsupported`. */
export function libc(): Libc {
  if (loadedLibc) return loadedLibc
  const library = koffi().load(null)
  const functions = Object.entries(declarations).map(([name, declaration]) => [name, library.func(declaration)])
  loadedLibc = Object.fromEntries(functions) as Libc
  return loadedLibc
}

/** Why the last call returned -1, as a positive number. To be asked at once: any other call may change it. */
export function errno(): number {
  return koffi().errno()
}

/** Where the bytes lie, for structures that point to them. Whoever stores the address keeps the array. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi().address(bytes)
}
