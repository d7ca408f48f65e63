import { NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/message.ts'
import { describeField, type FieldBytes } from './field.ts'
import { writeData } from './expressions/kernel-expression.ts'
import {
  elementAttribute,
  elementFlag,
  elementListAttribute,
  listAttribute,
  nftMessage,
  setAttribute,
  setDescriptionAttribute,
  setFieldAttribute,
  setFlag,
} from './kernel-numbers.ts'
import type { MessageWriter } from './message-writer.ts'
import { encodeElement, isConcatenatedInterval, keyBytes, keyTypeId, type NftSet, type SetElement } from './set.ts'
import type { TransactionWriter } from './transaction-writer.ts'

/** The length of an attribute is 16 bits wide: a list of elements is cut before it gets there. */
const elementListMaxBytes = 60_000
/** libnftnl's userdata: NFTNL_UDATA_SET_KEYBYTEORDER, by which nft knows how to print the elements. */
const keyByteOrder = { type: 0, host: 1, network: 2 } as const

/** With `elements` it is a set without a name, which lives and dies with a rule. */
export function writeNewSet(out: TransactionWriter, set: NftSet, elements?: readonly SetElement[]): number {
  const { writer } = out
  const id = out.nextSetId()
  out.step(nftMessage.newSet, NLM_F_CREATE | NLM_F_EXCL, () => {
    writeSetName(out, set.name)
    writer.u32(setAttribute.flags, flagsOf(set) | (elements ? setFlag.anonymous | setFlag.constant : 0))
    writer.u32(setAttribute.keyType, keyTypeId(set))
    writer.u32(setAttribute.keyLength, keyBytes(set))
    writer.u32(setAttribute.id, id)
    writeDescription(writer, set, elements?.length)
    if (set.fields.length === 1) writer.bytes(setAttribute.userdata, Buffer.concat([Uint8Array.of(keyByteOrder.type, 4), byteOrderOf(set)]))
  })
  if (elements) writeElements(out, nftMessage.newElements, { set, elements, setId: id })
  return id
}

export function writeSetName({ writer, table }: TransactionWriter, name: string): void {
  writer.string(setAttribute.table, table)
  writer.string(setAttribute.name, name)
}

/** A deletion without elements is of all. */
export function writeFlushSet(out: TransactionWriter, { name }: NftSet): void {
  out.step(nftMessage.delElements, 0, () => {
    out.writer.string(elementListAttribute.table, out.table)
    out.writer.string(elementListAttribute.set, name)
  })
}

interface ElementsOf {
  readonly set: NftSet
  readonly elements: readonly SetElement[]
  readonly setId?: number
}

/** As many messages as the elements take. */
export function writeElements(out: TransactionWriter, message: number, { set, elements, setId }: ElementsOf): void {
  const { writer } = out
  const key = { from: new Uint8Array(keyBytes(set)), to: new Uint8Array(keyBytes(set)) }
  let next = 0
  while (next < elements.length) {
    out.step(message, message === nftMessage.newElements ? NLM_F_CREATE : 0, () => {
      writer.string(elementListAttribute.table, out.table)
      writer.string(elementListAttribute.set, set.name)
      if (setId !== undefined) writer.u32(elementListAttribute.setId, setId)
      const list = writer.openNest(elementListAttribute.elements)
      const end = writer.lengthBytes + elementListMaxBytes
      for (; next < elements.length && writer.lengthBytes < end; next++) {
        encodeElement(set, elements[next] ?? [], key)
        writeElement(writer, set, key)
      }
      writer.closeNest(list)
    })
  }
}

/**
 * Tuples carry both ends of each field; a plain interval set wants its end as an element of its own: the first value
 * that is no longer inside, none when the interval reaches to the last value there is.
 */
function writeElement(writer: MessageWriter, set: NftSet, { from, to }: FieldBytes): void {
  const element = writer.openNest(listAttribute.element)
  writeData(writer, elementAttribute.key, from)
  if (isConcatenatedInterval(set)) writeData(writer, elementAttribute.keyEnd, to)
  writer.closeNest(element)
  if (!set.interval || isConcatenatedInterval(set)) return
  const behind = successor(to)
  if (!behind) return
  writer.nest(listAttribute.element, () => {
    writeData(writer, elementAttribute.key, behind)
    writer.u32(elementAttribute.flags, elementFlag.intervalEnd)
  })
}

/** The next number of the same size; undefined behind the last one. */
function successor(value: Uint8Array): Uint8Array | undefined {
  const next = new Uint8Array(value)
  for (let index = next.length - 1; index >= 0; index--) {
    next[index] = ((next[index] ?? 0) + 1) & 0xff
    if (next[index] !== 0) return next
  }
  return undefined
}

function flagsOf(set: NftSet): number {
  return (set.interval ? setFlag.interval : 0) | (isConcatenatedInterval(set) ? setFlag.concatenated : 0)
}

/** The lengths of the fields make the kernel choose its pipapo set. */
function writeDescription(writer: MessageWriter, set: NftSet, size: number | undefined): void {
  if (!isConcatenatedInterval(set) && size === undefined) return
  writer.nest(setAttribute.description, () => {
    if (size !== undefined && !set.interval) writer.u32(setDescriptionAttribute.size, size)
    if (!isConcatenatedInterval(set)) return
    writer.nest(setDescriptionAttribute.concatenation, () => {
      for (const type of set.fields) {
        writer.nest(listAttribute.element, () => writer.u32(setFieldAttribute.length, describeField(type).bytes))
      }
    })
  })
}

function byteOrderOf({ fields: [type] }: NftSet): Uint8Array {
  const host = type !== undefined && describeField(type).hostOrder === true
  return Uint8Array.of(host ? keyByteOrder.host : keyByteOrder.network, 0, 0, 0)
}
