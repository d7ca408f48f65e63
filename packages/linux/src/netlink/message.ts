import { align4 } from './attribute.ts'

/** struct nlmsghdr: length, type, flags, sequence number, port. */
export const messageHeaderBytes = 16

export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
/** In an answer: something changed while the list was made, so it may be wrong. */
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800
export const NLM_F_DUMP = 0x300

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3

export interface NetlinkMessage {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  /** Of whoever asked. */
  readonly port: number
  readonly payload: Uint8Array
}

/** One message with its padding. The socket sets the sequence number and REQUEST. */
export function encodeMessage(type: number, flags: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(messageHeaderBytes + align4(payload.length))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, messageHeaderBytes + payload.length, true)
  view.setUint16(4, type, true)
  view.setUint16(6, flags, true)
  bytes.set(payload, messageHeaderBytes)
  return bytes
}

/** Every whole message of what one `recv` gave, payloads as views. `undefined` when a length lies. */
export function parseMessages(bytes: Uint8Array): NetlinkMessage[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const messages: NetlinkMessage[] = []
  let at = 0
  while (bytes.length - at >= messageHeaderBytes) {
    const length = view.getUint32(at, true)
    if (length < messageHeaderBytes || length > bytes.length - at) return undefined
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      port: view.getUint32(at + 12, true),
      payload: bytes.subarray(at + messageHeaderBytes, at + length),
    })
    at += align4(length)
  }
  return messages
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
