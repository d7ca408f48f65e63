import { HeaderId } from './header-id.ts'
import { int32Header, type Headers } from './headers.ts'

/** One message of a channel (protocol section 3.2). */
export interface Frame {
  readonly contentType: number
  /** Signed 32 bit. */
  readonly sequence: number
  readonly headers: Headers
  readonly body: Uint8Array
}

export const frameMagic = 0x0c_09_06_03
/** First bytes of the answer of a peer that speaks no version of ours (read as little endian). */
export const unsupportedVersionMagic = 0x0a_09_06_03
export const frameHeadBytes = 20
const headerHeadBytes = 8

/** Sizes of the two parts after the head, or why there are none. */
export type FrameHead =
  | { readonly kind: 'head'; readonly contentType: number; readonly sequence: number; readonly headerBytes: number; readonly bodyBytes: number }
  | { readonly kind: 'refused'; readonly reason: FrameRefusal }

export type FrameRefusal = 'frame.magic' | 'frame.unsupported-version' | 'frame.oversize' | 'frame.header-malformed'

export interface FrameLimits {
  readonly headerBytes: number
  readonly bodyBytes: number
}

/** No limit is in the protocol but for the hello; these keep a hostile peer from making us wait for 4 GiB. */
export const defaultFrameLimits: FrameLimits = { headerBytes: 64 * 1024, bodyBytes: 16 * 1024 * 1024 }
/** What a 2.0.3 router accepts in a hello. */
export const helloFrameLimits: FrameLimits = { headerBytes: 16_384, bodyBytes: 4192 }

/** Reads the 20 bytes at `at`. The caller has made sure that they are there. */
export function parseFrameHead(data: DataView, at: number, limits: FrameLimits = defaultFrameLimits): FrameHead {
  const magic = data.getUint32(at, true)
  if (magic !== frameMagic) {
    return { kind: 'refused', reason: magic === unsupportedVersionMagic ? 'frame.unsupported-version' : 'frame.magic' }
  }
  const headerBytes = data.getUint32(at + 12, true)
  const bodyBytes = data.getUint32(at + 16, true)
  if (headerBytes > limits.headerBytes || bodyBytes > limits.bodyBytes) return { kind: 'refused', reason: 'frame.oversize' }
  return { kind: 'head', contentType: data.getInt32(at + 4, true), sequence: data.getInt32(at + 8, true), headerBytes, bodyBytes }
}

/** Views into `bytes`; `undefined` when an entry does not fit or 1 to 7 bytes are left over. The last of equal ids wins. */
export function parseHeaders(bytes: Uint8Array): Headers | undefined {
  const headers = new Map<number, Uint8Array>()
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at < bytes.length) {
    if (at + headerHeadBytes > bytes.length) return undefined
    const id = data.getInt32(at, true)
    const length = data.getUint32(at + 4, true)
    at += headerHeadBytes
    if (length > bytes.length - at) return undefined
    headers.set(id, bytes.subarray(at, at + length))
    at += length
  }
  return headers
}

/** The whole of one frame, or `undefined` if `bytes` is not exactly one well-formed frame. */
export function parseFrame(bytes: Uint8Array, limits: FrameLimits = defaultFrameLimits): Frame | undefined {
  if (bytes.length < frameHeadBytes) return undefined
  const head = parseFrameHead(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, limits)
  if (head.kind === 'refused' || frameHeadBytes + head.headerBytes + head.bodyBytes !== bytes.length) return undefined
  const bodyAt = frameHeadBytes + head.headerBytes
  const headers = parseHeaders(bytes.subarray(frameHeadBytes, bodyAt))
  return headers && { contentType: head.contentType, sequence: head.sequence, headers, body: bytes.subarray(bodyAt) }
}

export interface OutgoingFrame {
  readonly contentType: number
  readonly sequence: number
  readonly headers?: Iterable<readonly [id: number, value: Uint8Array]>
  readonly body?: Uint8Array
}

const emptyBody = new Uint8Array(0)

/** Headers are written in the order given; the format requires none. */
export function encodeFrame({ contentType, sequence, headers = [], body = emptyBody }: OutgoingFrame): Uint8Array {
  const entries = [...headers]
  const headerBytes = entries.reduce((sum, [, value]) => sum + headerHeadBytes + value.length, 0)
  const bytes = new Uint8Array(frameHeadBytes + headerBytes + body.length)
  const data = new DataView(bytes.buffer)
  data.setUint32(0, frameMagic, true)
  data.setInt32(4, contentType, true)
  data.setInt32(8, sequence, true)
  data.setUint32(12, headerBytes, true)
  data.setUint32(16, body.length, true)
  let at = frameHeadBytes
  for (const [id, value] of entries) {
    data.setInt32(at, id, true)
    data.setUint32(at + 4, value.length, true)
    bytes.set(value, at + headerHeadBytes)
    at += headerHeadBytes + value.length
  }
  bytes.set(body, at)
  return bytes
}

/** Sequence of the request that this frame answers; absent or -1: none (protocol section 3.2). */
export function replyFor(headers: Headers): number | undefined {
  const value = int32Header(headers, HeaderId.ReplyFor)
  return value === -1 ? undefined : value
}
