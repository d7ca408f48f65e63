/**
 * An embeddable DNS server: resolvers in order, over UDP and TCP or without any socket.
 *
 * ```ts
 * import { cache, createDnsServer, forward, records, syntheticPool } from '@tunnel/dns'
 *
 * const pool = syntheticPool({ v4: '100.64.0.0/10', v6: 'fd00:7a69::/64', key: 'home' }) // same name, same address
 *
 * const server = createDnsServer({
 *   listen: ['udp://127.0.0.1:15353', 'tcp://127.0.0.1:15353'],
 *   resolvers: [
 *     records({ 'db.lan': { A: '10.0.0.5', TXT: 'primary' } }), // a zone as an object
 *     pool.names(['*.apps.lan'], { onAssigned: ({ name, v4 }) => console.log(name, v4) }), // names to addresses, PTR included
 *     (question) => (question.key.endsWith('.block') ? 'NXDOMAIN' : undefined), // a plain function
 *     cache(forward(['udp://1.1.1.1', 'tls://9.9.9.9'])), // the rest
 *   ],
 * })
 * await server.start() // dig @127.0.0.1 -p 15353 db.lan
 * console.log((await server.ask('db.lan', 'A')).records[0]?.data) // no socket: for tests and for embedding
 * await server.ask('wiki.apps.lan', 'A')
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
export { existingNames } from './resolve/existing-names.ts'
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
