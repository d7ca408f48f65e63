import { ContentType, encodeInt32, encodeString, encodeUint32, HeaderId, uint32Header, type Frame } from '@tunnel/edge/wire'
import type { Channel } from './channel.ts'
import type { HeaderEntry } from './frame-writer.ts'

/** Protocol section 3.8. The router answers every trace by itself, as if it were the last hop: it passes none on. */
export function answerTraceRoute(channel: Channel, routerId: string, request: Frame): void {
  const { headers } = request
  const hops = uint32Header(headers, HeaderId.TraceHopCount) ?? 0
  const copied = [HeaderId.ConnId, HeaderId.Timestamp, HeaderId.Uuid].flatMap((id): HeaderEntry[] => {
    const value = headers.get(id)
    return value === undefined ? [] : [[id, value]]
  })
  channel.reply(request, ContentType.TraceRouteResponse, [
    ...copied,
    [HeaderId.TraceHopCount, encodeUint32(Math.max(0, hops - 1))],
    [HeaderId.TraceHopType, encodeString('xgress/edge')],
    [HeaderId.TraceHopId, encodeString(routerId)],
    [HeaderId.TraceSourceRequestId, encodeInt32(request.sequence)],
  ])
}
