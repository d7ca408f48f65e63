import { Duplex } from 'node:stream'
import type { Clock, Endpoint } from '@tunnel/flow'
import { formatEndpoint } from '@tunnel/flow'
import dnsPacket, { type Answer, type DecodedPacket } from 'dns-packet'
import type { DatagramPort } from '../server/datagram-port.ts'
import { createFrameSplitter, frameOf } from '../upstream/message-frames.ts'
import type { UpstreamTransports } from '../upstream/transports.ts'

/** What a server sends back: bytes, after so many milliseconds. */
export interface FakeReply {
  readonly bytes: Uint8Array
  readonly after?: number
  /** From another address than the one that was asked. */
  readonly from?: Endpoint
}

export interface FakeQuery extends DecodedPacket {
  readonly bytes: Uint8Array
  readonly transport: 'udp' | 'tcp'
}

export type FakeServer = (query: FakeQuery) => readonly FakeReply[]

export interface FakeNetwork extends UpstreamTransports {
  /** By `address:port`. */
  readonly servers: Map<string, FakeServer>
  /** Every query that came, in words: `udp 10.0.0.1:53 db.lan A`. */
  readonly seen: string[]
  readonly open: { udp: number; tcp: number }
  /** Closes every TCP connection from the servers' side. */
  hangUp(): void
}

/** Servers without sockets, in the time of `clock`. */
export function createFakeNetwork(clock: Clock): FakeNetwork {
  const servers = new Map<string, FakeServer>()
  const seen: string[] = []
  const open = { udp: 0, tcp: 0 }
  const streams = new Set<Duplex>()

  const ask = (transport: 'udp' | 'tcp', to: Endpoint, bytes: Uint8Array, reply: (data: Uint8Array, from: Endpoint) => void): void => {
    const query = { ...dnsPacket.decode(Buffer.from(bytes)), bytes, transport }
    seen.push(`${transport} ${formatEndpoint(to)} ${query.questions?.[0]?.name ?? ''} ${query.questions?.[0]?.type ?? ''}`)
    for (const { bytes: data, after = 0, from = to } of servers.get(formatEndpoint(to))?.(query) ?? []) clock.after(after, () => reply(data, from))
  }

  return {
    servers,
    seen,
    open,
    openUdp(at) {
      open.udp += 1
      let receive: Parameters<DatagramPort['start']>[0] = () => {}
      return {
        local: { address: at.address, port: 40_000 + open.udp },
        start: (listener) => void (receive = listener),
        send: (data, to) => (ask('udp', to, data.slice(), (bytes, from) => receive([{ data: bytes, from }])), true),
        close: () => void (open.udp -= 1),
      }
    },
    async connectTcp(to) {
      if (!servers.has(formatEndpoint(to))) throw new Error(`connect ECONNREFUSED ${formatEndpoint(to)}`)
      open.tcp += 1
      const stream = createServerStream((message, reply) => ask('tcp', to, message, reply))
      streams.add(stream)
      stream.on('close', () => {
        streams.delete(stream)
        open.tcp -= 1
      })
      return stream
    },
    connectTls(to, { signal }) {
      return this.connectTcp(to, { signal })
    },
    hangUp() {
      for (const stream of streams) stream.push(null)
    },
  }
}

function createServerStream(onMessage: (message: Uint8Array, reply: (data: Uint8Array) => void) => void): Duplex {
  const split = createFrameSplitter((message) => onMessage(message, (data) => void (stream.destroyed || stream.push(Buffer.from(frameOf(data))))))
  const stream: Duplex = new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, done) {
      split(chunk)
      done()
    },
  })
  return stream
}

export interface FakeResponse {
  readonly rcode?: number
  readonly flags?: number
  readonly answers?: Answer[]
  readonly authorities?: Answer[]
  readonly id?: number
  readonly question?: { readonly name: string; readonly type: string }
}

/** A response by dns-packet, not by our own writer. */
export function responseTo(query: FakeQuery, { rcode = 0, flags = 0, answers = [], authorities = [], id, question }: FakeResponse): Uint8Array {
  const questions = (question ? [question] : (query.questions ?? [])) as DecodedPacket['questions'] & object
  const ours = { type: 'response' as const, id: id ?? query.id ?? 0, flags: flags | rcode | dnsPacket.RECURSION_AVAILABLE, questions, answers, authorities }
  return new Uint8Array(dnsPacket.encode(ours))
}

const rcodes: Readonly<Record<string, number>> = { NODATA: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, NOTAUTH: 9 }

/**
 * A server in a word, for tables: `A 10.0.0.1`, `A 10.0.0.1 ttl 300`, `NXDOMAIN`, `NXDOMAIN soa 60`, `SERVFAIL`, `silence`, `garbage`, `wrong id`,
 * `bare REFUSED` (without the question), `wrong question`, `other name`, `truncated`, each with `@200` behind it for a delay.
 */
export function serverOf(words: string): FakeServer {
  const [what = '', delay = '0'] = words.split('@').map((part) => part.trim())
  const after = Number(delay)
  return (query) => {
    const bytes = bytesOf(what, query)
    return bytes ? [{ bytes, after }] : []
  }
}

function bytesOf(what: string, query: FakeQuery): Uint8Array | undefined {
  const name = query.questions?.[0]?.name ?? ''
  const [word = '', data = '', key = '', value = '60'] = what.split(' ')
  const a = (owner: string, address = '10.9.9.9', ttl = 60): Answer => ({ type: 'A', name: owner, data: address, ttl })
  switch (what) {
    case 'silence':
      return undefined
    case 'garbage':
      return Uint8Array.from([query.bytes[0] ?? 0, query.bytes[1] ?? 0, 0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0, ...query.bytes.slice(12)])
    case 'bare REFUSED':
      return Uint8Array.from([query.bytes[0] ?? 0, query.bytes[1] ?? 0, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0])
    case 'bare NOERROR':
      return Uint8Array.from([query.bytes[0] ?? 0, query.bytes[1] ?? 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    case 'wrong id':
      return responseTo(query, { id: ((query.id ?? 0) + 1) & 0xffff, answers: [a(name)] })
    case 'wrong question':
      return responseTo(query, { question: { name: 'other.example', type: 'A' }, answers: [a('other.example')] })
    case 'other name':
      return responseTo(query, { answers: [a('other.example')] })
    case 'truncated':
      return responseTo(query, query.transport === 'udp' ? { flags: dnsPacket.TRUNCATED_RESPONSE } : { answers: [a(name, '10.7.7.7')] })
  }
  if (word === 'A') return responseTo(query, { answers: [a(name, data, key === 'ttl' ? Number(value) : 60)] })
  return responseTo(query, { rcode: rcodes[word] ?? 0, authorities: data === 'soa' ? [soa(Number(key))] : [] })
}

/** Of the root, so that it is right for every name. */
export function soa(minimum: number, name = '.', ttl = 3600): Answer {
  return { type: 'SOA', name, ttl, data: { mname: 'ns.example', rname: 'admin.example', serial: 1, refresh: 1, retry: 1, expire: 1, minimum } }
}
