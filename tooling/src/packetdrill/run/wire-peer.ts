import type { ScriptIcmp, ScriptSegment } from '../script.ts'
import { transportSum, view } from '../wire/bytes.ts'
import { encodeIcmp, icmpNumbers } from '../wire/icmp.ts'
import { addressBytes, encodeIp, parseIp, protocols } from '../wire/ip.ts'
import { encodeSegment, parseSegment, type WireSegment } from '../wire/tcp.ts'
import { Conversation } from './conversation.ts'

/** Addresses of the stack and of the peer that the script speaks for. */
export const addresses = {
  4: { local: '192.168.0.1', remote: '192.0.2.1' },
  6: { local: 'fd3d:a0b:17d6::1', remote: '2001:db8::1' },
} as const

/** Where listeners are, and where connections go. */
export const servicePort = 8080
const firstPeerPort = 40_000

export interface Received {
  readonly conversation: Conversation
  readonly segment: WireSegment
}

/** The peer of a script: packets as bytes, and the conversations that they belong to. */
export class WirePeer {
  readonly #version: 4 | 6
  readonly #local: Uint8Array
  readonly #remote: Uint8Array
  readonly #conversations: Conversation[] = []
  /** The latest, which packets without ports belong to. */
  #current: Conversation | undefined

  constructor(version: 4 | 6) {
    this.#version = version
    this.#local = addressBytes(addresses[version].local)
    this.#remote = addressBytes(addresses[version].remote)
  }

  /** Packets without ports begin a new conversation: a new listener has come. */
  forget(): void {
    this.#current = undefined
  }

  /** Bytes of a segment for the stack; in words, why there are none. */
  encode(segment: ScriptSegment): Uint8Array | string {
    const conversation = this.#conversationFor(segment)
    const wire = conversation.toWire(segment, new Uint8Array(segment.length))
    if (!wire) return 'it echoes a time that the stack has not sent'
    return this.#packet('tcp', encodeSegment(wire), 16)
  }

  encodeIcmp({ type, code, mtu = 0, quoted }: ScriptIcmp): Uint8Array | string {
    const numbers = icmpNumbers(this.#version, type, code)
    if (!numbers) return `there is no "${[type, code].join(' ').trim()}" in ICMP of IPv${this.#version}, or it is not supported`
    const conversation = this.#current
    if (!conversation) return 'there is no segment yet that it could be about'
    const { localPort, remotePort } = conversation
    const fields = { sourcePort: localPort, destinationPort: remotePort, ack: 0, flags: '.', window: 0, urgent: 0, options: [] }
    const sent = encodeSegment({ ...fields, seq: conversation.localOnWire(quoted.seq), payload: new Uint8Array(quoted.length) })
    const ip = { version: this.#version, protocol: protocols.tcp, source: this.#local, destination: this.#remote, payload: sent }
    const quote = encodeIp(ip).subarray(0, (this.#version === 4 ? 20 : 40) + 20)
    return this.#packet(this.#version === 4 ? 'icmp4' : 'icmp6', encodeIcmp(this.#version, numbers, mtu, quote), 2)
  }

  /** A packet of the stack; in words, what is wrong with it. */
  decode(bytes: Uint8Array): Received | string {
    const ip = parseIp(bytes)
    if (!ip) return 'a packet that is none'
    if (ip.protocol !== protocols.tcp) return `a packet of protocol ${ip.protocol}`
    if (transportSum(ip.source, ip.destination, ip.protocol, ip.payload) !== 0) return 'a segment with a wrong sum'
    const segment = parseSegment(ip.payload)
    if (!segment) return 'a segment that is none'
    return { segment, conversation: this.#find(segment.sourcePort, segment.destinationPort) ?? this.#begin(segment.sourcePort, segment.destinationPort) }
  }

  #packet(protocol: keyof typeof protocols, payload: Uint8Array, sumAt: number): Uint8Array {
    const number = protocols[protocol]
    const pseudo = protocol === 'icmp4' ? transportSum(new Uint8Array(0), new Uint8Array(0), -payload.length, payload) : transportSum(this.#remote, this.#local, number, payload)
    view(payload).setUint16(sumAt, pseudo)
    return encodeIp({ version: this.#version, protocol: number, source: this.#remote, destination: this.#local, payload })
  }

  #conversationFor({ ports }: ScriptSegment): Conversation {
    if (ports) return this.#find(ports.destination, ports.source) ?? this.#begin(ports.destination, ports.source)
    return this.#current ?? this.#begin(servicePort, firstPeerPort + this.#conversations.length)
  }

  #find(localPort: number, remotePort: number): Conversation | undefined {
    return this.#conversations.find((known) => known.localPort === localPort && known.remotePort === remotePort)
  }

  #begin(localPort: number, remotePort: number): Conversation {
    const conversation = new Conversation(localPort, remotePort)
    this.#conversations.push(conversation)
    this.#current = conversation
    return conversation
  }
}
