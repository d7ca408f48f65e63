import { CodedError } from '@tunnel/flow'
import { dnssecOkFlag, flag, headerBytes, optBytes, typeNumber } from './header.ts'
import { encodeName } from './name.ts'
import { recordTypeNumber, type RecordType } from './record-type.ts'

export interface QueryOptions {
  /** 0 to 65535; random for what goes over UDP (RFC 5452 9.2). */
  readonly id: number
  /** True by default. */
  readonly recursionDesired?: boolean
  readonly checkingDisabled?: boolean
  /** The size of answer that we take over UDP; an OPT record says so. 1232 by default, `false` for no OPT record. */
  readonly udpBytes?: number | false
  readonly dnssecOk?: boolean
}

/** A query message: what a resolver sends to another server. Throws `dns.invalid-name` and `dns.invalid-type`. */
export function encodeQuery({ name, type }: { readonly name: string; readonly type: RecordType }, options: QueryOptions): Uint8Array {
  const { id, recursionDesired = true, checkingDisabled = false, udpBytes = 1232, dnssecOk = false } = options
  const number = recordTypeNumber(type)
  if (number === undefined) throw new CodedError('dns.invalid-type', `'${type}' is no record type: write a mnemonic such as AAAA, or TYPE65`)
  const encoded = encodeName(name)
  const bytes = new Uint8Array(headerBytes + encoded.length + 4 + (udpBytes === false ? 0 : optBytes))
  const view = new DataView(bytes.buffer)
  view.setUint16(0, id)
  view.setUint16(2, (recursionDesired ? flag.recursionDesired : 0) | (checkingDisabled ? flag.checkingDisabled : 0))
  view.setUint16(4, 1)
  bytes.set(encoded, headerBytes)
  const at = headerBytes + encoded.length
  view.setUint16(at, number)
  view.setUint16(at + 2, 1)
  if (udpBytes === false) return bytes
  view.setUint16(10, 1)
  view.setUint16(at + 5, typeNumber.OPT)
  view.setUint16(at + 7, udpBytes)
  view.setUint16(at + 11, dnssecOk ? dnssecOkFlag : 0)
  return bytes
}
