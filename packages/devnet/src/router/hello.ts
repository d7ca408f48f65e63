import { encodeBool, encodeInt32, encodeString, HeaderId } from '@tunnel/edge/wire'
import type { HeaderEntry } from './frame-writer.ts'

const version = 'v2.0.3|devnet|2026-01-02T03:04:05Z|linux|amd64'

/**
 * The headers of a hello's success (protocol sections 3.6 and 11.1). A wish for a grouped channel is answered without
 * IsGrouped, as by a router that is too old for it: the SDK goes on with a single one (section 3.7).
 */
export function helloResult(connectionId: string, routerId: string, helloSequence: number): HeaderEntry[] {
  return [
    [HeaderId.ConnectionId, encodeString(connectionId)],
    [HeaderId.ReplyFor, encodeInt32(helloSequence)],
    [HeaderId.ResultSuccess, encodeBool(true)],
    [HeaderId.HelloVersion, encodeString(version)],
    [HeaderId.Id, encodeString(routerId)],
    [HeaderId.SupportsBindSuccess, encodeBool(true)],
    [HeaderId.SupportsPostureChecks, encodeBool(true)],
  ]
}
