import { hostname } from 'node:os'
import { boolHeader, encodeBool, encodeString, HeaderId, stringHeader, type Frame } from '../wire.ts'
import type { HeaderEntry } from './frame-writer.ts'
import { parseReason } from './reason.ts'

/** What a router says of itself in its answer to our hello (protocol section 3.6). */
export interface RouterHello {
  readonly routerId: string
  readonly version: string
  readonly supportsBindSuccess: boolean
}

export type HelloResult = { readonly kind: 'welcome'; readonly hello: RouterHello } | { readonly kind: 'rejected'; readonly reason: string }

export const helloHeaders = (sessionToken: string): HeaderEntry[] => [
  [HeaderId.SessionToken, encodeString(sessionToken)],
  [HeaderId.SupportsInspect, encodeBool(true)],
]

/** Our name in the router's logs. */
export const helloBody = (): Uint8Array => encodeString(`ziti-tunnel@${hostname()}`)

export function parseHelloResult({ headers, body }: Frame): HelloResult {
  if (boolHeader(headers, HeaderId.ResultSuccess) !== true) {
    return { kind: 'rejected', reason: parseReason(body) || 'no reason given' }
  }
  // Five fields joined by bars; the first is the version (protocol section 3.3).
  const [version = ''] = (stringHeader(headers, HeaderId.HelloVersion) ?? '').split('|')
  return {
    kind: 'welcome',
    hello: {
      routerId: stringHeader(headers, HeaderId.Id) ?? '',
      version,
      supportsBindSuccess: boolHeader(headers, HeaderId.SupportsBindSuccess) === true,
    },
  }
}
