import { allowsAddress, allowsPort, parseIpAddress, translateAddress } from '@tunnel/config'
import type { HostV1, Parsed } from '@tunnel/config'
import { CodedError } from '@tunnel/flow'
import type { Protocol } from '@tunnel/flow'
import type { ServerTarget } from './host-dialer.ts'

type AppData = Readonly<Record<string, string>>

/** A refusal in the middle of the rules. Never leaves this file. */
class NotAllowed extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** What a caller asks for can be 64 KiB long; it goes into logs, and back to the caller. */
const shown = (asked: string): string => `"${asked.slice(0, 100)}"`

const refuse = (code: string, message: string): never => {
  throw new NotAllowed(code, message)
}

/** Where a caller is led: rules 1 to 6 of protocol section 5.6. The error's message is meant for the caller too. */
export function callTarget(host: HostV1, appData: AppData): Parsed<ServerTarget> {
  try {
    // The DNS proxying of the C tunneler (5.6, last paragraph) answers questions instead of connecting.
    if (appData['connType'] === 'resolver') refuse('host.not-supported', 'connections of type "resolver" are not served here')
    const protocol = protocolOf(host, appData)
    const source = sourceOf(host, appData)
    const proxy = host.proxy?.address
    if (proxy !== undefined && protocol === 'udp') refuse('host.not-supported', 'udp cannot go through an HTTP proxy')
    const target = { protocol, address: addressOf(host, appData), port: portOf(host, appData) }
    return { ok: true, value: { ...target, ...(source && { source }), ...(proxy !== undefined && { proxy }) } }
  } catch (error) {
    if (!(error instanceof NotAllowed)) throw error
    return { ok: false, error: new CodedError(error.code, error.message) }
  }
}

function protocolOf({ protocol, forwardProtocol, allowedProtocols = [] }: HostV1, appData: AppData): Protocol {
  if (!forwardProtocol && protocol) return protocol
  const asked = required(appData, 'dst_protocol')
  const allowed = allowedProtocols.find((candidate) => candidate === asked.toLowerCase())
  return allowed ?? refuse('host.not-allowed', `protocol ${shown(asked)} is not allowed here`)
}

function addressOf({ address, forwardAddress, ...host }: HostV1, appData: AppData): string {
  if (!forwardAddress && address !== undefined) return address
  const { allowedAddresses = [], forwardAddressTranslations } = host
  // A name that is not allowed fails, also where its address would be: as the Go tunneler does (rule 2).
  const asked = given(appData, 'dst_hostname') ?? required(appData, 'dst_ip')
  if (!allowsAddress(allowedAddresses, asked)) refuse('host.not-allowed', `address ${shown(asked)} is not allowed here`)
  const ip = parseIpAddress(asked)
  return ip ? translateAddress(forwardAddressTranslations, ip).text : asked
}

function portOf({ port, forwardPort, allowedPortRanges = [] }: HostV1, appData: AppData): number {
  if (!forwardPort && port !== undefined) return port
  const asked = required(appData, 'dst_port')
  const number = parsePort(asked)
  if (number !== undefined && allowsPort(allowedPortRanges, number)) return number
  return refuse('host.not-allowed', `port ${shown(asked)} is not allowed here`)
}

/** Rule 5. Without a list every source may be asked for; whether this host has the address shows when it connects. */
function sourceOf({ allowedSourceAddresses: allowed }: HostV1, appData: AppData): ServerTarget['source'] | undefined {
  const asked = given(appData, 'source_addr')
  if (asked === undefined) return undefined
  const source = parseSource(asked)
  if (!source) return refuse('host.not-allowed', `source address ${shown(asked)} is not an IP address with or without port`)
  if (allowed.length > 0 && !allowsAddress(allowed, source.address)) {
    refuse('host.not-allowed', `source address "${source.address}" is not allowed here`)
  }
  return source
}

/** `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]:80`. */
function parseSource(text: string): ServerTarget['source'] | undefined {
  const bare = parseIpAddress(text)
  if (bare) return { address: bare.text }
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text) ?? []
  const ip = parseIpAddress(bracketed ?? plain ?? '')
  const port = parsePort(digits)
  return ip && port !== undefined ? { address: ip.text, port } : undefined
}

function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined
}

function given(appData: AppData, key: string): string | undefined {
  const value = Object.hasOwn(appData, key) ? appData[key] : undefined
  // The C SDK sends what its printf makes of a missing name (protocol section 11.6).
  return value === undefined || value === '' || value === '(null)' ? undefined : value
}

function required(appData: AppData, key: string): string {
  return given(appData, key) ?? refuse('host.missing-destination', `the service forwards what the caller asks for, and ${key} is missing`)
}
