import { encodeBool, encodeByte, encodeString, encodeUint16, HeaderId } from '../wire.ts'
import { connIdHeader, type HeaderEntry } from '../channel/frame-writer.ts'
import type { Precedence } from '../controller/types.ts'

/** What a terminator of ours says of itself. */
export interface TerminatorTerms {
  readonly cost: number
  readonly precedence: Precedence
}

export interface BindRequest extends TerminatorTerms {
  /** UUID, the same on all routers and after reconnects: a router replaces instead of adding (protocol section 5.1). */
  readonly listenerId: string
  /** Instance name. */
  readonly identity?: string
  /** Where the service requires encryption. */
  readonly publicKey?: Uint8Array
}

export const defaultTerms: TerminatorTerms = { cost: 0, precedence: 'default' }
const maxCost = 65_535
const precedenceByte: Readonly<Record<Precedence, number>> = { default: 0, required: 1, failed: 2 }

export function bindHeaders(connId: number, request: BindRequest): HeaderEntry[] {
  const { listenerId, identity, publicKey, cost, precedence } = request
  const headers: HeaderEntry[] = [
    connIdHeader(connId),
    [HeaderId.ListenerId, encodeString(listenerId)],
    [HeaderId.RouterProvidedConnId, encodeBool(true)],
    [HeaderId.SupportsInspect, encodeBool(true)],
    [HeaderId.SupportsBindSuccess, encodeBool(true)],
  ]
  if (publicKey) headers.push([HeaderId.PublicKey, publicKey])
  if (identity !== undefined) headers.push([HeaderId.TerminatorIdentity, encodeString(identity)])
  if (cost !== 0) headers.push(costHeader(cost))
  if (precedence !== 'default') headers.push(precedenceHeader(precedence))
  return headers
}

export const termsHeaders = ({ cost, precedence }: TerminatorTerms): HeaderEntry[] => [costHeader(cost), precedenceHeader(precedence)]

const costHeader = (cost: number): HeaderEntry => [HeaderId.Cost, encodeUint16(Math.min(maxCost, Math.max(0, Math.round(cost))))]
const precedenceHeader = (precedence: Precedence): HeaderEntry => [HeaderId.Precedence, encodeByte(precedenceByte[precedence])]
