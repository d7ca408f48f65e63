/**
 * The message codec alone: a strict parser for hostile bytes, a query writer, and the outline of a message for those who pass it on. Runs without Node.
 */
export { parseMessage, rcodeNumberOf } from './message/message.ts'
export type { DnsMessage } from './message/message.ts'
export { parseOutline } from './message/outline.ts'
export type { MessageOutline, RecordPlace, Section } from './message/outline.ts'
export { encodeName } from './message/name.ts'
export { encodeQuery } from './message/query.ts'
export type { QueryOptions } from './message/query.ts'
export { rcodeName, rcodeNumber } from './message/rcode.ts'
export { recordTypeName, recordTypeNumber } from './message/record-type.ts'
