import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { duplexPair } from 'node:stream'
import { CodedError, type Endpoint } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { decode, encode, type Packet } from 'dns-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { encodeQuery, type QueryOptions } from '../message/query.ts'
import type { DnsRecord } from '../message/record.ts'
import type { Answer, ResolveContext } from '../resolve/resolver.ts'
import { createDnsServer } from './create-dns-server.ts'
import type { Datagram, DatagramPort } from './datagram-port.ts'
import type { DnsServer, DnsServerOptions } from './server.ts'

const a: Answer = { records: [{ type: 'A', ttl: 60, data: '10.0.0.5' }] }
const many: Answer = { records: Array.from({ length: 300 }, (_, index): DnsRecord => ({ type: 'A', ttl: 1, data: `10.0.${index >> 8}.${index & 255}` })) }

const servers: DnsServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function start(options: DnsServerOptions): Promise<DnsServer> {
  const server = createDnsServer(options)
  servers.push(server)
  await server.start()
  return server
}

const portOf = (address: string | undefined): number => Number(address?.split(':').at(-1))

async function askUdp(at: string | undefined, message: Uint8Array): Promise<Packet> {
  const socket = createSocket(at?.includes('[') ? 'udp6' : 'udp4')
  const answered = new Promise<Packet>((resolve) => socket.once('message', (bytes) => resolve(decode(bytes))))
  socket.send(message, portOf(at), at?.includes('[') ? '::1' : '127.0.0.1')
  return answered.finally(() => socket.close())
}

async function askTcp(at: string | undefined, message: Uint8Array): Promise<Packet> {
  const socket = connect({ port: portOf(at), host: at?.includes('[') ? '::1' : '127.0.0.1' })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.end(Buffer.from([message.length >> 8, message.length & 0xff, ...message]))
  await new Promise((resolve) => socket.once('close', resolve))
  return decode(Buffer.concat(chunks).subarray(2))
}

/** A UDP socket in memory. */
function memoryPort() {
  const sent: { packet: Packet; bytes: number; to: Endpoint }[] = []
  let receive: (batch: readonly Datagram[]) => void = () => {}
  const port: DatagramPort = {
    local: { address: '0.0.0.0', port: 53 },
    start: (given) => (receive = given),
    send(data, to) {
      sent.push({ packet: decode(Buffer.from(data)), bytes: data.length, to: { ...to } })
      return !(to.address === 'full')
    },
    close: () => {},
  }
  const ask = (from: Endpoint, options: Partial<QueryOptions> = {}): number | undefined => {
    receive([{ data: encodeQuery({ name: 'x.lan', type: 'A' }, { id: 1, ...options }), from }])
    return sent.at(-1)?.bytes
  }
  return { port, sent, ask, receive: (batch: readonly Datagram[]) => receive(batch) }
}

describe('createDnsServer', () => {
  it('answers over UDP and TCP, IPv4 and IPv6, on several addresses', async () => {
    const server = await start({ listen: ['udp://127.0.0.1:0', 'udp://[::1]:0', 'tcp://127.0.0.1:0', 'tcp://[::1]:0', 'udp://127.0.0.1:0'], resolvers: [() => a, ] })
    const query = encodeQuery({ name: 'Db.lan', type: 'A' }, { id: 3 })
    const expected = { id: 3, rcode: 'NOERROR', questions: [{ name: 'Db.lan' }], answers: [{ data: '10.0.0.5' }] }
    for (const address of server.addresses) expect(await (address.startsWith('udp') ? askUdp : askTcp)(address, query)).toMatchObject(expected)
    expect(server.addresses.map((address) => address.replace(/\d+$/, 'N'))).toEqual(['udp://127.0.0.1:N', 'udp://[::1]:N', 'tcp://127.0.0.1:N', 'tcp://[::1]:N', 'udp://127.0.0.1:N'])
    expect(server.counters).toMatchObject({ questions: 5, answers: 5, connections: 2 })
  })

  it('gives the rest over TCP when UDP was too small', async () => {
    const server = await start({ listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0'], resolvers: [async () => many] })
    const query = encodeQuery({ name: 'x.lan', type: 'A' }, { id: 3 })
    expect(await askUdp(server.addresses[0], query)).toMatchObject({ flag_tc: true })
    expect(await askTcp(server.addresses[1], query)).toMatchObject({ flag_tc: false, answers: { length: 300 } })
    expect(server.counters.truncated).toBe(1)
  })

  it('sends over UDP what the client takes, what every path carries, or what this host carries (RFC 6891 6.2.5)', async () => {
    const memory = memoryPort()
    await start({ listen: ['udp://0.0.0.0:53'], resolvers: [() => many], openUdp: () => memory.port })
    const far = { address: '192.0.2.1', port: 9 }
    expect(memory.ask(far, { udpBytes: false })).toBeLessThanOrEqual(512)
    expect(memory.ask(far, { udpBytes: 800 })).toBeGreaterThan(780)
    expect(memory.ask(far, { udpBytes: 65_535 })).toBeLessThanOrEqual(1232)
    expect(memory.ask({ address: '127.0.0.1', port: 9 }, { udpBytes: 65_535 })).toBeGreaterThan(4080)
    expect(memory.ask({ address: '::1', port: 9 }, { udpBytes: 65_535 })).toBeLessThanOrEqual(4096)
  })

  it('answers each of a batch to its sender, also later, and not to port 0', async () => {
    const memory = memoryPort()
    const contexts: ResolveContext[] = []
    const server = await start({ listen: ['udp://0.0.0.0:53'], resolvers: [(question, context) => { contexts.push(context); return question.key === 'now' ? a : Promise.resolve(a) }], openUdp: () => memory.port })
    const from = { address: '192.0.2.1', port: 1 }
    const batch = ['now', 'later', 'now'].map((name, id) => ({ data: encodeQuery({ name, type: 'A' }, { id }), from: { ...from, port: id + 1 } }))
    memory.receive([...batch, { data: batch[0]!.data, from: { ...from, port: 0 } }])
    for (const datagram of batch) datagram.from.port = 7777
    await new Promise((resolve) => setImmediate(resolve))
    expect(memory.sent.map(({ packet, to }) => [packet.id, to.port])).toEqual([[0, 1], [2, 3], [1, 2]])
    expect(contexts[1]?.client).toEqual({ address: '192.0.2.1', port: 2 })
    memory.ask({ address: 'full', port: 1 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(server.counters.unsent).toBe(1)
  })

  it('opens all addresses or none', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    const server = createDnsServer({ listen: ['udp://127.0.0.1:0', `tcp://127.0.0.1:${port}`], resolvers: [] })
    await expect(server.start()).rejects.toMatchObject({ code: 'dns.port-in-use', message: expect.stringContaining(`Cannot listen on tcp://127.0.0.1:${port}: port ${port} is in use`) })
    expect(server.addresses).toEqual([])
    taken.close()
    await server.start()
    expect(server.addresses).toHaveLength(2)
    await server.close()
  })

  it.each([
    ['dns.address-unavailable', 'udp://192.0.2.1:5353'],
    ['dns.address-unavailable', 'tcp://192.0.2.1:5353'],
  ])('%s for %s', async (code, address) => {
    await expect(createDnsServer({ listen: [address], resolvers: [] }).start()).rejects.toMatchObject({ code })
  })

  it('explains the error of a port that somebody else opens', async () => {
    const openUdp = (): never => { throw new CodedError('linux.exists', 'bind: EADDRINUSE', { detail: { call: 'bind', errno: 'EADDRINUSE' } }) }
    await expect(createDnsServer({ listen: ['udp://127.0.0.1:53'], resolvers: [], openUdp }).start()).rejects.toMatchObject({ code: 'dns.port-in-use', detail: { addr: 'udp://127.0.0.1:53', errno: 'EADDRINUSE' } })
  })

  it.each(['127.0.0.1:53', 'udp://localhost:53', 'udp://127.0.0.1', 'tls://127.0.0.1:853', 'udp://127.0.0.1:70000', 'udp://::1:53'])('throws dns.invalid-address for %s', (address) => {
    expect(() => createDnsServer({ listen: [address], resolvers: [] })).toThrow(expect.objectContaining({ code: 'dns.invalid-address' }))
  })

  it('makes room for a new TCP client by closing an idle one', async () => {
    const server = await start({ listen: ['tcp://127.0.0.1:0'], resolvers: [() => a], limits: { connections: 2 } })
    const open = Array.from({ length: 2 }, () => connect(portOf(server.addresses[0]), '127.0.0.1'))
    await Promise.all(open.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    const gone = new Promise((resolve) => open[0]!.resume().once('close', resolve))
    expect(await askTcp(server.addresses[0], encodeQuery({ name: 'x', type: 'A' }, { id: 1 }))).toMatchObject({ answers: { length: 1 } })
    await gone
    expect(server.counters.disconnected).toEqual({ crowded: 1 })
    open[1]!.destroy()
  })

  it('closes what it opened: sockets, connections, resolvers', async () => {
    let closed = 0
    const server = await start({ listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0'], resolvers: [{ resolve: () => a, close: () => (closed += 1) }] })
    const socket = connect(portOf(server.addresses[1]), '127.0.0.1').resume()
    await new Promise((resolve) => socket.once('connect', resolve))
    const gone = new Promise((resolve) => socket.once('close', resolve))
    await server.close()
    await server.close()
    await gone
    expect(closed).toBe(1)
    expect(server.addresses).toEqual([])
    await expect(server.start()).rejects.toMatchObject({ code: 'dns.closed' })
  })
})

describe('serve', () => {
  it('answers over any stream, until the server closes', async () => {
    const server = createDnsServer({ resolvers: [() => ({ records: [{ type: 'A', ttl: 60, data: '10.0.0.5' }] })] })
    const [ours, theirs] = duplexPair()
    server.serve(theirs, { address: '192.0.2.1', port: 1000 })
    const question = encodeQuery({ name: 'db.lan', type: 'A' }, { id: 7 })
    ours.write(Uint8Array.from([question.length >> 8, question.length & 0xff, ...question]))
    const [answer] = (await once(ours, 'data')) as [Buffer]
    expect(decode(answer.subarray(2))).toMatchObject({ id: 7, answers: [{ data: '10.0.0.5' }] })
    await server.close()
    ours.resume()
    await once(ours, 'end')
    const [, late] = duplexPair()
    server.serve(late, { address: '192.0.2.1', port: 1001 })
    expect(late.destroyed).toBe(true)
  })
})

describe('ask', () => {
  const create = (options: Partial<DnsServerOptions>): DnsServer => createDnsServer({ resolvers: [], ...options })

  it('needs no socket', async () => {
    const server = create({ resolvers: [({ name, key, type }, { transport, client }) => (key === 'db.lan' && type === 'A' ? { ...a, additional: [{ type: 'TXT', ttl: 0, data: [name, transport, String(client)] }] } : undefined)] })
    expect(await server.ask('Db.lan.', 'a')).toEqual({ rcode: 'NOERROR', records: [{ name: 'Db.lan', type: 'A', ttl: 60, data: '10.0.0.5' }], authority: [], authoritative: false })
    expect(await server.ask('db.lan', 'AAAA')).toMatchObject({ rcode: 'REFUSED', records: [] })
  })

  it('reads the answers of other servers', async () => {
    const raw = encode({ id: 1, type: 'response', flags: 3, questions: [{ name: 'x', type: 'A' }], authorities: [{ name: 'x', type: 'NS', ttl: 1, data: 'ns' }] } as Packet)
    expect(await create({ resolvers: [() => ({ raw })] }).ask('x', 'A')).toMatchObject({ rcode: 'NXDOMAIN', records: [], authority: [{ type: 'NS', data: 'ns' }] })
    await expect(create({ resolvers: [() => ({ raw: raw.subarray(1) })] }).ask('x', 'A')).rejects.toMatchObject({ code: 'dns.malformed' })
  })

  it.each([['NODATA', 'NOERROR'], ['NXDOMAIN', 'NXDOMAIN'], ['SERVFAIL', 'SERVFAIL']] as const)('%s is %s', async (answer, rcode) => {
    expect(await create({ resolvers: [async () => answer] }).ask('x', 'A')).toMatchObject({ rcode, records: [] })
  })

  it('rejects where a client would hear nothing, and for what no message could carry', async () => {
    await expect(create({ unanswerable: 'timeout' }).ask('x', 'A')).rejects.toMatchObject({ code: 'dns.unanswered' })
    await expect(create({ resolvers: [() => 'DROP'] }).ask('x', 'A')).rejects.toMatchObject({ code: 'dns.unanswered' })
    await expect(create({}).ask('a..b', 'A')).rejects.toMatchObject({ code: 'dns.invalid-name' })
    await expect(create({}).ask('a', 'NOTYPE')).rejects.toMatchObject({ code: 'dns.invalid-type' })
  })

  it('ends when the caller, the server or time has had enough, and tells the resolver', async () => {
    const clock = createVirtualClock()
    const contexts: ResolveContext[] = []
    const server = create({ clock, resolvers: [(_, context) => (contexts.push(context), new Promise<Answer>(() => {}))] })
    const abort = new AbortController()
    const aborted = server.ask('x', 'A', { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await expect(server.ask('x', 'A', { signal: abort.signal })).rejects.toThrow('enough')
    const timedOut = server.ask('x', 'A')
    clock.advance(10_000)
    expect(await timedOut).toMatchObject({ rcode: 'SERVFAIL' })
    const closed = server.ask('x', 'A')
    await Promise.all([expect(closed).rejects.toMatchObject({ code: 'dns.closed' }), server.close()])
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, true, true])
    expect(clock.pending).toBe(0)
  })
})
