import { CodedError } from '@tunnel/flow'
import { ipv4Text, ipv6Text, writeIpv4, writeIpv6 } from './address.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { RecordPlace } from './outline.ts'
import type { DnsRecord, RecordData } from './record.ts'
import { recordTypeName } from './record-type.ts'
import { encodeUncommonData, isUncommonType, parseUncommonData } from './uncommon-data.ts'

/** Writes a record's data, without its length. Throws `dns.invalid-record` and `dns.invalid-name`. */
export function writeData(writer: ByteWriter, record: DnsRecord): void {
  // Names of other types than these are never compressed (RFC 3597 4).
  if (record.data instanceof Uint8Array) return writer.put(record.data)
  switch (record.type) {
    case 'A':
      return writeIpv4(writer, record.data) ? undefined : fail(record, `'${record.data}' is no IPv4 address`)
    case 'AAAA':
      return writeIpv6(writer, record.data) ? undefined : fail(record, `'${record.data}' is no IPv6 address`)
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return writer.name(record.data, true)
    case 'DNAME':
      return writer.name(record.data, false)
    case 'TXT':
      return writeStrings(writer, record)
    case 'MX':
      writer.u16(record.data.preference)
      return writer.name(record.data.exchange, true)
    case 'SRV':
      for (const value of [record.data.priority, record.data.weight, record.data.port]) writer.u16(value)
      return writer.name(record.data.target, false)
    case 'SOA':
      return writeSoa(writer, record.data)
    default:
      return writeUncommon(writer, record)
  }
}

function writeSoa(writer: ByteWriter, { mname, rname, serial, refresh, retry, expire, minimum }: RecordData['SOA']): void {
  writer.name(mname, true)
  writer.name(rname, true)
  for (const value of [serial, refresh, retry, expire, minimum]) writer.u32(value)
}

function writeStrings(writer: ByteWriter, record: DnsRecord & { type: 'TXT' }): void {
  if (record.data.length === 0) fail(record, 'it needs one string at least (RFC 1035 3.3.14)')
  for (const text of record.data) {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    if (bytes.length > 255) fail(record, `a string of ${bytes.length} bytes: at most 255, longer text as several strings`)
    writer.u8(bytes.length)
    writer.put(bytes)
  }
}

function writeUncommon(writer: ByteWriter, record: DnsRecord): void {
  if (!isUncommonType(record.type)) fail(record, 'data of this type is given as bytes')
  try {
    writer.put(encodeUncommonData(record.type, record.data as object))
  } catch (error) {
    fail(record, error instanceof Error ? error.message : String(error))
  }
}

function fail(record: DnsRecord, why: string): never {
  throw new CodedError('dns.invalid-record', `Cannot make a ${record.type} record${record.name === undefined ? '' : ` for ${record.name}`}: ${why}`, { detail: { type: record.type } })
}

/** Reads the record at `place`. `undefined` when its data is not of its type. `reader` stands on the message and counts the steps. */
export function parseRecord(reader: ByteReader, place: RecordPlace): DnsRecord | undefined {
  const { owner: name, ttl, dataAt, end } = place
  const type = recordTypeName(place.type)
  reader.at = dataAt
  const data = readData(reader, type, end)
  return reader.failed || data === undefined || reader.at !== end ? undefined : ({ name, type, ttl, data } as DnsRecord)
}

function readData(reader: ByteReader, type: string, end: number): unknown {
  switch (type) {
    case 'A':
      return ipv4Text(reader.take(4))
    case 'AAAA':
      return ipv6Text(reader.take(16))
    case 'CNAME':
    case 'DNAME':
    case 'NS':
    case 'PTR':
      return reader.name()
    case 'MX':
      return { preference: reader.u16(), exchange: reader.name() }
    case 'SRV':
      return { priority: reader.u16(), weight: reader.u16(), port: reader.u16(), target: reader.name() }
    case 'SOA':
      return { mname: reader.name(), rname: reader.name(), serial: reader.u32(), refresh: reader.u32(), retry: reader.u32(), expire: reader.u32(), minimum: reader.u32() }
    case 'TXT':
      return readStrings(reader, end)
    default: {
      const bytes = reader.take(end - reader.at)
      return isUncommonType(type) ? parseUncommonData(type, bytes) : bytes
    }
  }
}

/** Text where it is text, else bytes: what is written again is what was read. */
function readStrings(reader: ByteReader, end: number): readonly (string | Uint8Array)[] | undefined {
  const strings: (string | Uint8Array)[] = []
  while (reader.at < end && !reader.failed) {
    const bytes = reader.take(reader.u8())
    try {
      strings.push(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    } catch {
      strings.push(bytes)
    }
  }
  return strings.length === 0 ? undefined : strings
}
