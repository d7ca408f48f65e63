import type { Duplex } from 'node:stream'
import type { Clock, Endpoint, Log, Milliseconds } from '@tunnel/flow'
import type { Rcode } from '../message/rcode.ts'
import type { DnsRecord } from '../message/record.ts'
import type { RecordType } from '../message/record-type.ts'
import type { Resolver } from '../resolve/resolver.ts'
import type { OpenDatagramPort } from './datagram-port.ts'

export interface DnsServerOptions {
  /** `udp://127.0.0.1:5300`, `tcp://[::1]:53`. Port 0: any free one, see `addresses`. None: only `ask`. */
  readonly listen?: readonly string[]
  /** Asked in this order. */
  readonly resolvers: readonly Resolver[]
  /** What a client hears when no resolver has an answer: by default `refused`; `timeout` is silence. */
  readonly unanswerable?: 'refused' | 'servfail' | 'timeout'
  /** How to open a UDP socket: by default `node:dgram`. */
  readonly openUdp?: OpenDatagramPort
  readonly limits?: Partial<DnsServerLimits>
  readonly log?: Log
  readonly clock?: Clock
}

export interface DnsServerLimits {
  /** Questions that wait for a resolver, of all clients together; more get SERVFAIL at once. 4096. */
  readonly outstanding: number
  /** A question that no resolver answers for so long gets SERVFAIL. 10 seconds. */
  readonly answerTimeout: Milliseconds
  /** UDP answers to other hosts, however much they would take: what every path carries whole. 1232. */
  readonly udpBytes: number
  /** UDP answers to this host. 4096. */
  readonly loopbackUdpBytes: number
  /** TCP connections at once; when it is full the one that is idle for the longest time makes room. 256. */
  readonly connections: number
  /** A TCP connection without a whole question, or that takes no answer, for so long is closed. 10 seconds (RFC 7766 6.2.3). */
  readonly connectionIdle: Milliseconds
  /** Questions of one TCP connection that wait for an answer; then it is not read for a while. 64. */
  readonly pipelined: number
  /** Answers that wait for a TCP client to read; then it is not read for a while, and closed at four times as much. 262,144. */
  readonly unsentBytes: number
}

/** What `ask` gives. */
export interface DnsReply {
  readonly rcode: Rcode
  readonly records: readonly DnsRecord[]
  readonly authority: readonly DnsRecord[]
  readonly authoritative: boolean
}

export interface DnsServer {
  /** Opens all addresses, or none: rejects with `dns.listen-failed`, `dns.port-in-use`, `dns.port-forbidden`, `dns.address-unavailable`. */
  start(): Promise<void>
  /** Closes sockets and resolvers; questions that wait are aborted. */
  close(): Promise<void>
  /** Asks the resolvers, without a socket. Rejects when `signal` aborts, and with `dns.unanswered` for `DROP` and `timeout`. */
  ask(name: string, type: RecordType, options?: { signal?: AbortSignal }): Promise<DnsReply>
  /** Answers what comes over a connection that is no socket of this host, as over TCP (RFC 7766). It need not listen for that. */
  serve(stream: Duplex, client: Endpoint): void
  /** Where it listens: `udp://127.0.0.1:5300`. */
  readonly addresses: readonly string[]
  readonly counters: DnsCounters
}

/** Totals since the start. */
export interface DnsCounters {
  readonly questions: number
  readonly answers: number
  readonly truncated: number
  /** UDP datagrams that found no room on their way out. */
  readonly unsent: number
  /** Questions beyond `limits.outstanding`. */
  readonly overloaded: number
  /** Questions that no resolver answered in time. */
  readonly timedOut: number
  /** Resolvers that threw. */
  readonly failed: number
  readonly connections: number
  /** TCP connections that were closed on a client, by reason. */
  readonly disconnected: Readonly<Record<string, number>>
  /** Messages that were no proper question, by reason. */
  readonly refused: Readonly<Record<string, number>>
}
