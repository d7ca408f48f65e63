import type { CodedError } from '@tunnel/flow'
import { callError } from '../ffi/call-error.ts'
import { align4, parseAttributes, readCString } from './attribute.ts'
import { messageHeaderBytes, type NetlinkMessage } from './message.ts'

const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const NLMSGERR_ATTR_MSG = 1

export interface Acknowledgement {
  /** 0: done. */
  readonly errno: number
  /** What the kernel says in words, if it does. */
  readonly text: string | undefined
}

/** struct nlmsgerr: a negative errno, the header of the request (all of the request unless capped), then attributes. */
export function parseAcknowledgement({ flags, payload }: NetlinkMessage): Acknowledgement | undefined {
  if (payload.length < 4 + messageHeaderBytes) return undefined
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const errno = -view.getInt32(0, true)
  if (errno < 0) return undefined
  if (!(flags & NLM_F_ACK_TLVS)) return { errno, text: undefined }
  const request = flags & NLM_F_CAPPED ? messageHeaderBytes : align4(view.getUint32(4, true))
  if (request > payload.length - 4) return { errno, text: undefined }
  const attributes = parseAttributes(payload.subarray(4 + request))
  return { errno, text: readCString(attributes?.get(NLMSGERR_ATTR_MSG)) }
}

export function acknowledgementError({ errno, text }: Acknowledgement, doing: string): CodedError {
  return callError(doing, 'netlink', errno, text)
}
