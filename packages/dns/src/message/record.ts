/** One resource record (RFC 1035 4.1.3), class IN. `data` has the form that its type asks for. */
export type DnsRecord = { [T in KnownRecordType]: RecordOf<T, RecordData[T]> }[KnownRecordType] | RecordOf<OtherRecordType, Uint8Array>

export interface RecordOf<T extends string, Data> {
  /** Whose record this is, without final dot; the name of the question when left out. */
  readonly name?: string
  readonly type: T
  /** Seconds that it may be kept, 0 to 2^31 - 1 (RFC 2181 8). */
  readonly ttl: number
  readonly data: Data
}

/** The types whose data has a form of its own. */
export interface RecordData {
  /** `10.0.0.5` */
  readonly A: string
  /** `2001:db8::5` */
  readonly AAAA: string
  readonly CNAME: string
  readonly DNAME: string
  readonly NS: string
  readonly PTR: string
  /** Each string at most 255 bytes of UTF-8; bytes where it is not text. */
  readonly TXT: readonly (string | Uint8Array)[]
  readonly MX: { readonly preference: number; readonly exchange: string }
  readonly SRV: { readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
  readonly SOA: SoaData
  readonly CAA: { readonly flags: number; readonly tag: string; readonly value: string }
  readonly DS: { readonly keyTag: number; readonly algorithm: number; readonly digestType: number; readonly digest: Uint8Array }
  readonly HINFO: { readonly cpu: string; readonly os: string }
  readonly NAPTR: NaptrData
  /** `fingerprint` in hexadecimal digits. */
  readonly SSHFP: { readonly algorithm: number; readonly hash: number; readonly fingerprint: string }
  readonly TLSA: { readonly usage: number; readonly selector: number; readonly matchingType: number; readonly certificate: Uint8Array }
}

/** RFC 3403 4.1. */
export interface NaptrData {
  readonly order: number
  readonly preference: number
  readonly flags: string
  readonly services: string
  readonly regexp: string
  readonly replacement: string
}

/** RFC 1035 3.3.13; `minimum` is how long a negative answer may be kept (RFC 2308 4). */
export interface SoaData {
  readonly mname: string
  readonly rname: string
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minimum: number
}

export type KnownRecordType = keyof RecordData
export type UncommonRecordType = 'CAA' | 'DS' | 'HINFO' | 'NAPTR' | 'SSHFP' | 'TLSA'

/** Any other type: its data as bytes, as RFC 3597 has it. */
export type OtherRecordType =
  | `TYPE${number}` | 'AFSDB' | 'APL' | 'CDNSKEY' | 'CDS' | 'CERT' | 'DHCID' | 'DNSKEY' | 'HIP' | 'IPSECKEY' | 'KEY' | 'KX' | 'LOC'
  | 'NSEC' | 'NSEC3' | 'NSEC3PARAM' | 'RP' | 'RRSIG' | 'SIG' | 'SPF' | 'URI'
