import { HeaderId, stringHeader, uint32Header, type Frame } from '../wire.ts'

/** A Dial from a router (protocol section 5.2), with everything copied out of the frame. */
export interface IncomingDial {
  readonly sequence: number
  readonly token: string
  /** Absent from routers that leave the choice to us. */
  readonly connId?: number
  readonly publicKey?: Uint8Array
  readonly circuitId?: string
  readonly callerId?: string
  readonly dialerIdentityId?: string
  readonly dialerIdentityName?: string
  readonly appData: Readonly<Record<string, string>>
}

const text = new TextDecoder()

export function parseIncomingDial({ sequence, headers, body }: Frame): IncomingDial {
  const connId = uint32Header(headers, HeaderId.RouterProvidedConnId)
  const publicKey = headers.get(HeaderId.PublicKey)?.slice()
  const circuitId = stringHeader(headers, HeaderId.CircuitId)
  const callerId = stringHeader(headers, HeaderId.CallerId)
  const dialerIdentityId = stringHeader(headers, HeaderId.DialerIdentityId)
  const dialerIdentityName = stringHeader(headers, HeaderId.DialerIdentityName)
  return {
    sequence,
    token: text.decode(body),
    appData: parseAppData(headers.get(HeaderId.AppData)),
    ...(connId !== undefined && { connId }),
    ...(publicKey && { publicKey }),
    ...(circuitId !== undefined && { circuitId }),
    ...(callerId !== undefined && { callerId }),
    ...(dialerIdentityId !== undefined && { dialerIdentityId }),
    ...(dialerIdentityName !== undefined && { dialerIdentityName }),
  }
}

/** Strings only (protocol section 4.4): numbers become text, other values are left out, what is no JSON object is empty. */
export function parseAppData(bytes: Uint8Array | undefined): Readonly<Record<string, string>> {
  if (bytes === undefined || bytes.length === 0) return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(text.decode(bytes))
  } catch {
    return {}
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {}
  const members = Object.entries(parsed).flatMap(([key, value]) => {
    if (typeof value === 'string') return [[key, value] as const]
    return typeof value === 'number' || typeof value === 'boolean' ? [[key, String(value)] as const] : []
  })
  return Object.fromEntries(members)
}
