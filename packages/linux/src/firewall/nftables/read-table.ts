import { parseAttributeList, parseAttributes, readCString } from '../../netlink/attribute.ts'
import { messageHeaderBytes, NLM_F_DUMP } from '../../netlink/message.ts'
import type { NetlinkSocket } from '../../netlink/netlink-socket.ts'
import { parseComment } from './comment.ts'
import {
  chainAttribute,
  elementAttribute,
  elementFlag,
  elementListAttribute,
  expressionAttribute,
  familyInet,
  nftMessage,
  ruleAttribute,
  setAttribute,
  subsystemNftables,
  tableAttribute,
} from './kernel-numbers.ts'
import { MessageWriter } from './message-writer.ts'

export interface TableContents {
  readonly chains: readonly ChainContents[]
  readonly sets: readonly { readonly name: string; readonly elements: number }[]
}

export interface ChainContents {
  readonly name: string
  /** In their order. */
  readonly rules: readonly RuleContents[]
}

export interface RuleContents {
  readonly chain: string
  /** For `deleteRule`. */
  readonly handle: bigint
  readonly comment: string | undefined
  /** The names of the kernel's expressions: `['meta', 'cmp', 'immediate']`. */
  readonly expressions: readonly string[]
}

/** What the kernel holds of a table; empty when there is no such table. */
export function readTable(socket: NetlinkSocket, table: string): TableContents {
  const rules = dump(socket, nftMessage.getRule, (writer) => writer.string(ruleAttribute.table, table)).flatMap(
    (answer) => parseRule(answer, table) ?? [],
  )
  const sets = dump(socket, nftMessage.getSet, (writer) => writer.string(setAttribute.table, table)).flatMap(
    (answer) => parseSetName(answer, table) ?? [],
  )
  return {
    chains: readChainNames(socket, table).map((name) => ({ name, rules: rules.filter(({ chain }) => chain === name) })),
    sets: sets.map((name) => ({ name, elements: countElements(socket, table, name) })),
  }
}

export function readChainNames(socket: NetlinkSocket, table: string, family: number = familyInet): string[] {
  return dump(socket, nftMessage.getChain, () => {}, family).flatMap((answer) => parseChainName(answer, table, family) ?? [])
}

export function readTableNames(socket: NetlinkSocket, family: number): string[] {
  const answers = dump(socket, nftMessage.getTable, () => {}, family)
  return answers.flatMap((answer) => readCString(attributesOf(answer, family)?.get(tableAttribute.name)) ?? [])
}

function dump(socket: NetlinkSocket, message: number, fill: (writer: MessageWriter) => void, family: number = familyInet): Uint8Array[] {
  const writer = new MessageWriter()
  writer.message({ type: 0, flags: 0, family }, () => fill(writer))
  // The socket puts netlink's own header before the rest.
  return socket.request((subsystemNftables << 8) | message, NLM_F_DUMP, writer.written().subarray(messageHeaderBytes))
}

/** The attributes of an answer, behind `nfgenmsg`; undefined when it is of another family, or a length lies. */
function attributesOf(answer: Uint8Array, family: number = familyInet): Map<number, Uint8Array> | undefined {
  return answer[0] === family && answer.length >= 4 ? parseAttributes(answer.subarray(4)) : undefined
}

export function parseRule(answer: Uint8Array, table: string): RuleContents | undefined {
  const attributes = attributesOf(answer)
  const chain = readCString(attributes?.get(ruleAttribute.chain))
  const handle = attributes?.get(ruleAttribute.handle)
  if (chain === undefined || handle?.length !== 8 || readCString(attributes?.get(ruleAttribute.table)) !== table) return undefined
  const userdata = attributes?.get(ruleAttribute.userdata)
  const expressions = attributes?.get(ruleAttribute.expressions)
  return {
    chain,
    handle: new DataView(handle.buffer, handle.byteOffset).getBigUint64(0),
    comment: userdata && parseComment(userdata),
    expressions: (expressions && parseAttributeList(expressions))?.flatMap(([, value]) => expressionName(value) ?? []) ?? [],
  }
}

function expressionName(expression: Uint8Array): string | undefined {
  return readCString(parseAttributes(expression)?.get(expressionAttribute.name))
}

export function parseChainName(answer: Uint8Array, table: string, family: number = familyInet): string | undefined {
  const attributes = attributesOf(answer, family)
  return readCString(attributes?.get(chainAttribute.table)) === table ? readCString(attributes?.get(chainAttribute.name)) : undefined
}

/** Of a set with a name: those of single rules have none of their own. */
export function parseSetName(answer: Uint8Array, table: string): string | undefined {
  const attributes = attributesOf(answer)
  const name = readCString(attributes?.get(setAttribute.name))
  return readCString(attributes?.get(setAttribute.table)) === table && name?.startsWith('__') === false ? name : undefined
}

function countElements(socket: NetlinkSocket, table: string, set: string): number {
  const answers = dump(socket, nftMessage.getElements, (writer) => {
    writer.string(elementListAttribute.table, table)
    writer.string(elementListAttribute.set, set)
  })
  return answers.reduce((count, answer) => count + parseElementCount(answer), 0)
}

/** Of plain intervals the kernel lists both ends: only the beginnings count. */
export function parseElementCount(answer: Uint8Array): number {
  const list = attributesOf(answer)?.get(elementListAttribute.elements)
  const elements = (list && parseAttributeList(list)) ?? []
  return elements.filter(([, element]) => !isIntervalEnd(element)).length
}

function isIntervalEnd(element: Uint8Array): boolean {
  const flags = parseAttributes(element)?.get(elementAttribute.flags)
  return flags?.length === 4 && ((flags[3] ?? 0) & elementFlag.intervalEnd) !== 0
}
