import type { FieldType } from '../field.ts'
import {
  connectionAttribute,
  connectionKey,
  fibAttribute,
  fibFlag,
  fibResult,
  metaAttribute,
  metaKey,
  payloadAttribute,
  payloadBase,
  socketAttribute,
  socketKey,
} from '../kernel-numbers.ts'
import type { MessageWriter } from '../message-writer.ts'
import { writeExpression } from './kernel-expression.ts'

/** What of a packet is looked at, in nft's words. */
const selectors = {
  'ip saddr': { type: 'ipv4_addr', family: 'ipv4', load: payload(payloadBase.network, 12, 4) },
  'ip daddr': { type: 'ipv4_addr', family: 'ipv4', load: payload(payloadBase.network, 16, 4) },
  'ip6 saddr': { type: 'ipv6_addr', family: 'ipv6', load: payload(payloadBase.network, 8, 16) },
  'ip6 daddr': { type: 'ipv6_addr', family: 'ipv6', load: payload(payloadBase.network, 24, 16) },
  /** Of TCP and UDP alike: meaningful behind a match of the protocol only. */
  'th sport': { type: 'inet_service', load: payload(payloadBase.transport, 0, 2) },
  'th dport': { type: 'inet_service', load: payload(payloadBase.transport, 2, 2) },
  'meta mark': { type: 'mark', load: meta(metaKey.mark) },
  'meta iifname': { type: 'ifname', load: meta(metaKey.iifname) },
  'meta oifname': { type: 'ifname', load: meta(metaKey.oifname) },
  'meta nfproto': { type: 'nf_proto', load: meta(metaKey.nfproto) },
  'meta l4proto': { type: 'inet_proto', load: meta(metaKey.l4proto) },
  /** Of the socket that the packet would reach: no match when there is none. */
  'socket transparent': { type: 'boolean', load: socket(socketKey.transparent) },
  'socket mark': { type: 'mark', load: socket(socketKey.mark) },
  /** Bound to any address. */
  'socket wildcard': { type: 'boolean', load: socket(socketKey.wildcard) },
  /** What the routing tables say of the address: `local` is one of this host. */
  'fib saddr type': { type: 'fib_addrtype', load: fib(fibFlag.sourceAddress) },
  'fib daddr type': { type: 'fib_addrtype', load: fib(fibFlag.destinationAddress) },
  /** Turns connection tracking on for the whole network namespace. */
  'ct direction': { type: 'ct_dir', load: connection(connectionKey.direction) },
} as const satisfies Readonly<Record<string, SelectorRow>>

interface SelectorRow {
  readonly type: FieldType
  /** In a table of family inet the other family's packets must be left out first: their bytes there mean something else. */
  readonly family?: 'ipv4' | 'ipv6'
  readonly load: (writer: MessageWriter, register: number) => void
}

export type Selector = keyof typeof selectors
export type SelectorType<S extends Selector> = (typeof selectors)[S]['type']

export function describeSelector(selector: Selector): SelectorRow {
  return selectors[selector]
}

function payload(base: number, offset: number, length: number) {
  return (writer: MessageWriter, register: number) =>
    writeExpression(writer, 'payload', () => {
      writer.u32(payloadAttribute.register, register)
      writer.u32(payloadAttribute.base, base)
      writer.u32(payloadAttribute.offset, offset)
      writer.u32(payloadAttribute.length, length)
    })
}

function meta(key: number) {
  return (writer: MessageWriter, register: number) =>
    writeExpression(writer, 'meta', () => {
      writer.u32(metaAttribute.key, key)
      writer.u32(metaAttribute.destination, register)
    })
}

function socket(key: number) {
  return (writer: MessageWriter, register: number) =>
    writeExpression(writer, 'socket', () => {
      writer.u32(socketAttribute.key, key)
      writer.u32(socketAttribute.register, register)
    })
}

function fib(flags: number) {
  return (writer: MessageWriter, register: number) =>
    writeExpression(writer, 'fib', () => {
      writer.u32(fibAttribute.register, register)
      writer.u32(fibAttribute.result, fibResult.addressType)
      writer.u32(fibAttribute.flags, flags)
    })
}

function connection(key: number) {
  return (writer: MessageWriter, register: number) =>
    writeExpression(writer, 'ct', () => {
      writer.u32(connectionAttribute.key, key)
      writer.u32(connectionAttribute.register, register)
    })
}
