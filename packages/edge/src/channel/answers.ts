import { encodeByte, encodeString, encodeUint32, ConnType, ContentType, HeaderId, uint32Header, type Frame } from '../wire.ts'
import { connIdHeader, replyForHeader, type HeaderEntry } from './frame-writer.ts'
import type { ChannelReceiver } from './connection-table.ts'

/** A frame still without its sequence. */
export interface Draft {
  readonly contentType: number
  readonly headers: readonly HeaderEntry[]
  readonly body?: Uint8Array
}

/** Header 128 travels from request to reply (protocol section 3.2, reflection). */
const reflected = ({ headers }: Frame): HeaderEntry[] => {
  const value = headers.get(HeaderId.Uuid)
  return value === undefined ? [] : [[HeaderId.Uuid, value]]
}

const copied = ({ headers }: Frame, ...ids: readonly number[]): HeaderEntry[] =>
  ids.flatMap((id) => {
    const value = headers.get(id)
    return value === undefined ? [] : [[id, value] as const]
  })

export const latencyAnswer = (request: Frame): Draft => ({
  contentType: ContentType.Result,
  headers: [replyForHeader(request.sequence), [HeaderId.ResultSuccess, Uint8Array.of(1)], ...reflected(request)],
})

/** Circuits are looked at one by one with ConnInspect; of the whole process there is nothing to tell. */
export const inspectAnswer = (request: Frame): Draft => ({
  contentType: ContentType.InspectResponse,
  headers: [replyForHeader(request.sequence), ...copied(request, HeaderId.ConnId)],
  body: encodeString('{"success":true,"values":{},"errors":[]}'),
})

/** Required for binds: a router removes terminators that do not answer as type 2 (protocol section 3.8). */
export function connInspectAnswer(request: Frame, connId: number, receiver: ChannelReceiver | undefined): Draft {
  const type = receiver === undefined ? ConnType.Invalid : receiver.kind === 'bind' ? ConnType.Bind : ConnType.Dial
  return {
    contentType: ContentType.ConnInspectResponse,
    headers: [replyForHeader(request.sequence), connIdHeader(connId), [HeaderId.ConnType, encodeByte(type)]],
    body: encodeString(receiver?.inspect() ?? `invalid conn id [${connId}]`),
  }
}

export function traceRouteAnswer(request: Frame): Draft {
  const hops = uint32Header(request.headers, HeaderId.TraceHopCount) ?? 0
  return {
    contentType: ContentType.TraceRouteResponse,
    headers: [
      replyForHeader(request.sequence),
      ...copied(request, HeaderId.ConnId, HeaderId.Timestamp, HeaderId.TraceSourceRequestId),
      [HeaderId.TraceHopCount, encodeUint32(Math.max(0, hops - 1))],
      [HeaderId.TraceHopType, encodeString('sdk/ziti-tunnel-node')],
      ...reflected(request),
    ],
  }
}
