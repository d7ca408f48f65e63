import { CodedError, isCodedError } from '@tunnel/flow'

/**
 * Why something cannot be intercepted.
 *
 * - `tun.address-local`: this host has the address itself (or no host can: loopback, multicast). Take another in the config.
 * - `tun.unassigned`: the host name has no address. `detail.name` says which.
 * - `tun.address-invalid`: what the name was given is no address. A defect of the program.
 * - `tun.no-ipv6`: this host has no IPv6. Turn it on, or intercept an IPv4 address.
 * - `tun.apply-failed`: the system refused a change; the message has its words. Tried again at the next `apply`.
 * - `tun.no-device`: the TUN link could not be made (rejected at creation), or made again. The message says why.
 * - `tun.closed`: the interceptor was closed.
 */
export type TunErrorCode =
  | 'tun.address-local'
  | 'tun.unassigned'
  | 'tun.address-invalid'
  | 'tun.no-ipv6'
  | 'tun.apply-failed'
  | 'tun.no-device'
  | 'tun.closed'

export function createTunError(code: TunErrorCode, message: string, detail?: CodedError['detail'], cause?: unknown): CodedError {
  return new CodedError(code, message, { ...(detail && { detail }), cause })
}

/** In the original's words, and with what to do about it. */
export function cannotOpen({ name = '', mtu = 0 }: { readonly name?: string; readonly mtu?: number }, cause: unknown): CodedError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return createTunError('tun.no-device', `failed to open tun interface (name='${name}', mtu=${mtu}): ${why}${remedyOf(cause)}`, {}, cause)
}

/** Where the message of the system call does not say it. */
function remedyOf(error: unknown): string {
  const name = isCodedError(error) ? error.detail['errno'] : undefined
  if (name === 'ENOENT' || name === 'ENODEV' || name === 'ENXIO') return ". Load the module with 'sudo modprobe tun'; a container needs '--device /dev/net/tun'"
  if (name === 'EACCES') return ". The usual mode of the device is 0666: 'sudo chmod 0666 /dev/net/tun'"
  return name === 'EBUSY' ? '. Another link has that name: choose another, or remove it' : ''
}
