/**
 * An embeddable DNS server: resolvers in order, over UDP and TCP or without any socket.
 *
 * ```ts
 * import { createDnsServer } from '@tunnel/dns'
 *
 * const server = createDnsServer({
 *   listen: ['udp://127.0.0.1:15353', 'tcp://127.0.0.1:15353'],
 *   resolvers: [
 *     ({ key, type }) => (key === 'db.lan' && type === 'A' ? { records: [{ type: 'A', ttl: 60, data: '10.0.0.5' }] } : undefined),
 *     ({ key }) => (key.endsWith('.block') ? 'NXDOMAIN' : undefined),
 *   ],
 * })
 * await server.start()
 * const { records } = await server.ask('db.lan', 'A') // no socket: for tests and for embedding
 * console.log(records[0]?.data) // 10.0.0.5
 * await server.close()
 * ```
 *
 * @module
 */
// message: questions, records, codes
export { createQuestion } from './message/question.ts'
export type { DnsQuestion } from './message/question.ts'
export type { Rcode } from './message/rcode.ts'
export type { DnsRecord, KnownRecordType, NaptrData, OtherRecordType, RecordData, RecordOf, SoaData, UncommonRecordType } from './message/record.ts'
export type { RecordClass, RecordType } from './message/record-type.ts'
export type { QueryRefusal, RefusalReason } from './message/refusal.ts'
// pool: synthetic addresses for names
export * from './pool/assignment.ts'
export type { NamesOptions } from './pool/pool-names.ts'
export { createNameSet, type NameSet } from './pool/name-set.ts'
export * from './pool/synthetic-pool.ts'
// resolve: what a resolver is, and those without sockets
export * from './resolve/cache.ts'
export * from './resolve/hosts-file.ts'
export * from './resolve/records.ts'
export * from './resolve/resolver.ts'
// server
export { createDnsServer } from './server/create-dns-server.ts'
export * from './server/datagram-port.ts'
export type { ListenErrorCode } from './server/listen-error.ts'
export * from './server/server.ts'
// upstream: other servers
export type { UpstreamMode } from './upstream/ask-modes.ts'
export * from './upstream/forward.ts'
export * from './upstream/stub-lookup.ts'
export * from './upstream/transports.ts'
