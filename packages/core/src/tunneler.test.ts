import type { Flow, LogFields, LogLevel, TcpRequest } from '@tunnel/flow'
import { CodedError } from '@tunnel/flow'
import { createFlowPair, createVirtualClock } from '@tunnel/flow/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { collect, collectDatagrams, pattern } from './compliance/collector.ts'
import { codeOf } from './compliance/code-of.ts'
import type { IncomingCall } from './contracts/overlay.ts'
import type { HostDialer, ServerTarget } from './host/host-dialer.ts'
import { createMemoryInterceptor, createMemoryNetwork } from './testing.ts'
import { createTunneler } from './tunneler.ts'
import type { Tunneler, TunnelerOptions } from './tunneler.ts'

const turns = async (count = 20): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

let running: Tunneler | undefined
afterEach(async () => {
  await running?.stop(0)
  running = undefined
})

/** A tunneler with the listeners `web:8080`, `web:8053:udp` and `later:9090`; somebody else hosts "web" and answers by `accept`. */
async function setUp(options: Partial<TunnelerOptions> = {}) {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock })
  network.addService({ name: 'web' })
  const interceptor = createMemoryInterceptor()
  const lines: [LogLevel, string, string, LogFields?][] = []
  const overlay = network.createIdentity('me')
  const host = network.createIdentity('other')
  const calls: IncomingCall[] = []
  const answer = { with: (call: IncomingCall): void => echo(call.accept()) }
  const binding = await host.bind([...host.services.values()][0]!, {}, (call) => {
    calls.push(call)
    answer.with(call)
  })
  const tunneler = createTunneler({
    overlays: [overlay],
    interceptor,
    hosting: false,
    table: {
      listeners: [
        { service: 'web', protocol: 'tcp', port: 8080 },
        { service: 'web', protocol: 'udp', port: 8053 },
        { service: 'later', protocol: 'tcp', port: 9090 },
      ],
    },
    clock,
    log: (...line) => lines.push(line),
    ...options,
  })
  running = tunneler
  tunneler.start()
  await turns()
  const told = (text: string): number => lines.filter(([, , message]) => message === text).length
  return { clock, network, interceptor, tunneler, calls, answer, binding, lines, told }
}

function echo(flow: Flow): void {
  flow.attach({
    data: (chunk, hold) => void flow.send(chunk, hold()),
    end: () => flow.end(),
    drain: () => {},
    close: () => {},
  })
}

describe('refresh', () => {
  it('gives the interceptor its table again, as long as the tunneler runs', async () => {
    const { tunneler } = await setUp()
    const applies = tunneler.counters.get('intercept.applies')
    tunneler.refresh()
    await turns()
    expect(tunneler.counters.get('intercept.applies')).toBe(applies + 1)
    await tunneler.stop(0)
    tunneler.refresh()
    await turns()
    expect(tunneler.counters.get('intercept.applies')).toBe(applies + 1)
  })
})

describe('a connection', () => {
  it('is dialled, accepted and joined, with the whole AppData', async () => {
    const { interceptor, calls, tunneler } = await setUp({ hostnameOf: () => 'web.corp.ziti' })
    const flow = await interceptor.connect(8080)
    const heard = collect(flow)
    flow.send(pattern(1_000))
    await heard.has(1_000)
    expect(tunneler.status().flows).toMatchObject([
      { service: 'web', direction: 'dial', state: 'open', up: 1_000, down: 1_000, from: { port: 50_000 }, to: { port: 8080 } },
    ])
    flow.end()
    expect(await heard.closed).toBeUndefined()
    await turns()
    expect(heard.bytes).toEqual(pattern(1_000))
    expect(calls[0]?.appData).toEqual({
      connType: 'data',
      dst_protocol: 'tcp',
      dst_hostname: 'web.corp.ziti',
      dst_ip: '127.0.0.1',
      dst_port: '8080',
      src_protocol: 'tcp',
      src_ip: '127.0.0.1',
      src_port: '50000',
    })
    expect(tunneler.status().flows).toEqual([])
    expect(tunneler.counters.snapshot()).toMatchObject({ 'bytes.up': 1_000, 'bytes.down': 1_000, 'flows.closed': 1, 'dials.succeeded': 1 })
  })

  it('is logged under one id, from dial to end', async () => {
    const { interceptor, lines } = await setUp()
    const flow = await interceptor.connect(8080)
    flow.end()
    await collect(flow).closed
    await turns()
    const mine = lines.filter(([, source]) => source === 'core/dial.handle')
    expect(mine.map(([level, , message]) => [level, message])).toEqual([
      ['debug', 'connected'],
      ['debug', 'tunnel closed: 0 bytes sent; 0 bytes received'],
    ])
    expect(mine[0]?.[3]?.['flow']).toBe(mine[1]?.[3]?.['flow'])
  })

  it('that is reset on one side is reset on the other', async () => {
    const { interceptor, answer, tunneler } = await setUp()
    answer.with = (call) => {
      const flow = call.accept()
      collect(flow)
      flow.reset(new CodedError('server.crashed', 'boom'))
    }
    const flow = await interceptor.connect(8080)
    expect(await collect(flow).closed).toBeInstanceOf(CodedError)
    expect(tunneler.counters.get('flows.failed')).toBe(1)
  })

  it('uses instance and source templates and the time-out of the config', async () => {
    const { interceptor, network, calls, answer, clock } = await setUp()
    network.addService({
      name: 'web',
      config: {
        'intercept.v1': {
          protocols: ['tcp'],
          addresses: ['10.0.0.1'],
          portRanges: [{ low: 1, high: 9 }],
          dialOptions: { connectTimeoutSeconds: 3 },
          sourceIp: '$src_ip:$src_port',
        },
      },
    })
    answer.with = () => {}
    const connecting = codeOf(interceptor.connect(8080))
    await turns()
    expect(calls[0]?.appData['source_addr']).toBe('127.0.0.1:50000')
    clock.advance(2_999)
    await turns()
    expect(await Promise.race([connecting, turns().then(() => 'open')])).toBe('open')
    clock.advance(1)
    expect(await connecting).toBe('memory.refused')
  })

  it('of datagrams keeps their boundaries', async () => {
    const { interceptor, answer, tunneler } = await setUp()
    answer.with = (call) => {
      const flow = call.acceptDatagrams()
      flow.attach({ message: (datagram) => void flow.send(datagram), close: () => {} })
    }
    const flow = await interceptor.exchange(8053)
    const heard = collectDatagrams(flow)
    for (const size of [1, 500, 0, 3]) flow.send(pattern(size))
    expect((await heard.first(4)).map(({ length }) => length)).toEqual([1, 500, 0, 3])
    flow.close()
    await heard.closed
    await turns()
    expect(tunneler.counters.get('datagrams.up')).toBe(4)
    expect(tunneler.status().flows).toEqual([])
  })
})

describe('a refusal', () => {
  const reasonOf = async (connecting: Promise<unknown>): Promise<unknown> => {
    const error = await connecting.catch((thrown: unknown) => thrown)
    return error instanceof CodedError ? error.detail['reason'] : 'none'
  }

  it('of the host is a reset at the client', async () => {
    const { interceptor, answer, tunneler, lines } = await setUp()
    answer.with = (call) => call.refuse('closed on Sundays')
    expect(await reasonOf(interceptor.connect(8080))).toBe('reset')
    expect(tunneler.counters.get('dials.failed.dial.refused')).toBe(1)
    expect(lines.at(-1)?.[2]).toContain('closed on Sundays (dial.refused). Read the reason')
    expect(tunneler.status().flows).toEqual([])
  })

  it('because nobody hosts is an unreachable host', async () => {
    const { interceptor, binding } = await setUp()
    await binding.close()
    expect(await reasonOf(interceptor.connect(8080))).toBe('host-unreachable')
  })

  it('because of missing rights is prohibited', async () => {
    const { interceptor, network } = await setUp()
    network.removeService('web')
    // The listener is still there in this turn.
    expect(await reasonOf(interceptor.connect(8080))).toBe('host-unreachable')
  })

  it('at the limit of flows is counted, and logged once a second', async () => {
    const { interceptor, tunneler, lines, clock } = await setUp({ limits: { maxFlows: 1 } })
    const flow = await interceptor.connect(8080)
    for (let i = 0; i < 3; i++) expect(await reasonOf(interceptor.connect(8080))).toBe('reset')
    clock.advance(1_000)
    await reasonOf(interceptor.connect(8080))
    expect(tunneler.counters.get('requests.refused.flow-limit')).toBe(4)
    expect(lines.filter(([, , message]) => message.includes('limits.maxFlows')).map(([, , , fields]) => fields?.['alike'])).toEqual([undefined, 2])
    flow.end()
    await collect(flow).closed
    await turns()
    await interceptor.connect(8080)
  })

  it('at the limit of dials in flight leaves the others alone', async () => {
    const { interceptor, tunneler, answer, calls } = await setUp({ limits: { maxDialsInFlight: 2 } })
    answer.with = () => {}
    const waiting = [interceptor.connect(8080), interceptor.connect(8080)]
    expect(await reasonOf(interceptor.connect(8080))).toBe('reset')
    expect(tunneler.counters.get('requests.refused.dial-limit')).toBe(1)
    for (const call of calls) echo(call.accept())
    expect(await Promise.all(waiting)).toHaveLength(2)
  })
})

describe('an interceptor that throws', () => {
  it('costs one connection, and leaves nothing behind', async () => {
    const interceptor = createMemoryInterceptor()
    let raise: (request: TcpRequest) => void = () => {}
    const { tunneler, calls, lines } = await setUp({
      interceptor: { ...interceptor, onRequest: (handler) => void (raise = handler) },
    })
    const gone = (): never => {
      throw new Error('the socket is gone')
    }
    const ends = { from: { address: '127.0.0.1', port: 1 }, to: { address: '127.0.0.1', port: 8080 } }
    raise({ protocol: 'tcp', service: 'web', ...ends, accept: gone, refuse: gone, onAbandon: () => {} })
    await turns()
    expect(lines.at(-1)?.[2]).toBe('the socket is gone')
    expect(calls).toHaveLength(1)
    expect(tunneler.status().flows).toEqual([])
  })
})

describe('a client that goes away', () => {
  it('takes its dial with it', async () => {
    const { interceptor, tunneler, answer, calls } = await setUp()
    answer.with = () => {}
    const abort = new AbortController()
    const connecting = codeOf(interceptor.connect(8080, abort.signal))
    await turns()
    expect(tunneler.status().flows).toMatchObject([{ state: 'connecting' }])
    abort.abort()
    expect(await connecting).toBe('memory.abandoned')
    await turns()
    expect(tunneler.status().flows).toEqual([])
    expect(tunneler.counters.snapshot()).toMatchObject({ 'dials.abandoned': 1 })
    expect(tunneler.counters.get('dials.failed.dial.aborted')).toBe(0)
    // A host that answers now meets a dead circuit.
    expect(await collect(calls[0]!.accept()).closed).toBeDefined()
  })
})

describe('services', () => {
  it('that do not exist yet are waited for, and that is said once', async () => {
    const { interceptor, network, tunneler, told } = await setUp()
    expect(told('service "later" is not available to this identity yet; waiting')).toBe(1)
    expect(interceptor.open).toEqual(['8080/tcp', '8053/udp'])
    network.addService({ name: 'unrelated' })
    await turns()
    expect(told('service "later" is not available to this identity yet; waiting')).toBe(1)
    expect(told('starting tunnel for newly available service unrelated')).toBe(0)
    expect(tunneler.status().waiting).toEqual(['later'])
    network.addService({ name: 'later' })
    await turns()
    expect(interceptor.open).toContain('9090/tcp')
    expect(told('starting tunnel for newly available service later')).toBe(1)
    expect(tunneler.status().waiting).toEqual([])
  })

  it('that vanish lose their listeners; their flows go on to their own end', async () => {
    const { interceptor, network, told } = await setUp()
    const flow = await interceptor.connect(8080)
    const heard = collect(flow)
    network.removeService('web')
    await turns()
    expect(interceptor.open).toEqual([])
    expect(told('stopping tunnel for unavailable service web')).toBe(1)
    flow.send(pattern(10))
    await heard.has(10)
    flow.end()
    expect(await heard.closed).toBeUndefined()
  })

  it('whose Dial permission ends are gone; a change of no concern is not told', async () => {
    const { interceptor, network, lines } = await setUp()
    const before = lines.length
    network.addService({ name: 'web', config: { other: 1 } })
    await turns()
    expect(lines.slice(before)).toEqual([])
    network.addService({ name: 'web', permissions: ['Bind'] })
    await turns()
    expect(interceptor.open).toEqual([])
  })

  it('that come together make one apply', async () => {
    const { network, tunneler } = await setUp()
    const before = tunneler.counters.get('intercept.applies')
    for (let i = 0; i < 100; i++) network.addService({ name: `s${i}` })
    await turns()
    expect(tunneler.counters.get('intercept.applies')).toBe(before + 1)
  })

  it('are shown with their addresses and ports, and those whose config is of no use with the reason', async () => {
    const { network, tunneler } = await setUp({ table: { addresses: true } })
    network.addService({ name: 'db', config: { 'intercept.v1': { protocols: ['tcp'], addresses: ['db.ziti', '10.0.0.0/8'], portRanges: [{ low: 80, high: 80 }, { low: 1000, high: 2000 }] } } })
    network.addService({ name: 'broken', config: { 'intercept.v1': { protocols: ['tcp'], addresses: [], portRanges: [] } } })
    await turns()
    const { intercepts, failed } = tunneler.status()
    expect(intercepts).toEqual([{ service: 'db', protocols: ['tcp'], addresses: ['db.ziti', '10.0.0.0/8'], ports: ['80', '1000-2000'] }])
    expect(failed).toEqual({ broken: expect.stringContaining('at least one address') })
  })

  it('whose listener fails do not stop the others', async () => {
    const { interceptor, network, clock, tunneler } = await setUp()
    interceptor.breakPort(9090, true)
    network.addService({ name: 'later' })
    await turns()
    expect(tunneler.status().failed).toHaveProperty('later')
    await interceptor.connect(8080)
    interceptor.breakPort(9090, false)
    clock.advance(1_000)
    await turns()
    expect(interceptor.open).toContain('9090/tcp')
    expect(tunneler.status().failed).toEqual({})
  })
})

describe('hosting', () => {
  /** One tunneler hosts "db"; somebody else dials it. */
  async function hostingSetUp(host: Record<string, unknown>, options: Partial<TunnelerOptions> = {}) {
    const clock = createVirtualClock()
    const network = createMemoryNetwork({ clock })
    const db = network.addService({ name: 'db', config: { 'host.v1': host } })
    const targets: ServerTarget[] = []
    const server = { connect: async (): Promise<Flow> => echoingServer() }
    const hostDialer: HostDialer = {
      connectTcp(target) {
        targets.push(target)
        return server.connect()
      },
      connectUdp: () => Promise.reject(new CodedError('host.connect-failed', 'no udp here')),
      probeHttp: () => Promise.reject(new CodedError('host.connect-failed', 'no http here')),
    }
    const lines: string[] = []
    const tunneler = createTunneler({
      overlays: [network.createIdentity('host')],
      hostDialer,
      clock,
      log: (level, source, message) => void lines.push(`${level} ${source} ${message}`),
      ...options,
    })
    running = tunneler
    tunneler.start()
    await turns()
    const dialer = network.createIdentity('dialer')
    const dial = (appData: Record<string, string> = {}) => dialer.dial(db, { protocol: 'tcp', appData })
    return { clock, network, tunneler, targets, server, dial, lines }
  }
  const fixed = { protocol: 'tcp', address: 'localhost', port: 5432 }

  function echoingServer(): Flow {
    const [ours, theirs] = createFlowPair()
    echo(theirs)
    return ours
  }

  it('leads callers to the server, and shows them in the status', async () => {
    const { dial, targets, tunneler, lines } = await hostingSetUp(fixed)
    expect(lines).toContain('info core/host.bind hosting db')
    const flow = await dial()
    const heard = collect(flow)
    flow.send(pattern(100))
    await heard.has(100)
    expect(targets).toEqual([fixed])
    expect(tunneler.status()).toMatchObject({
      hosted: [{ service: 'db', established: 1, connections: 1, cost: 0, precedence: 'default' }],
      flows: [{ direction: 'host', caller: 'dialer', to: { address: 'localhost', port: 5432 }, up: 100, down: 100 }],
    })
    flow.end()
    expect(await heard.closed).toBeUndefined()
    await turns()
    expect(tunneler.status().hosted).toMatchObject([{ connections: 0 }])
  })

  it('refuses with the reason when the server does not answer, or not in time', async () => {
    const { dial, server, clock, tunneler } = await hostingSetUp(fixed)
    server.connect = () => Promise.reject(new CodedError('host.connect-refused', 'cannot connect to localhost:5432: ECONNREFUSED'))
    await expect(dial()).rejects.toThrow('cannot connect to localhost:5432: ECONNREFUSED')
    let late: (flow: Flow) => void = () => {}
    server.connect = () => new Promise((resolve) => (late = resolve))
    const slow = codeOf(dial())
    await turns()
    clock.advance(4_500)
    late(echoingServer())
    expect(await slow).toBe('dial.refused')
    expect(tunneler.counters.snapshot()).toMatchObject({ 'calls.refused.host.connect-refused': 1, 'calls.refused.host.connect-timeout': 1 })
    await turns()
    expect(tunneler.status().flows).toEqual([])
  })

  it('refuses what the config does not allow, and goes on serving', async () => {
    const forwarding = { protocol: 'tcp', address: 'localhost', forwardPort: true, allowedPortRanges: [{ low: 80, high: 80 }] }
    const { dial, targets } = await hostingSetUp(forwarding)
    await expect(dial({ dst_port: '81' })).rejects.toThrow('port "81" is not allowed here')
    await expect(dial()).rejects.toThrow('dst_port is missing')
    await dial({ dst_port: '80' })
    expect(targets).toHaveLength(1)
  })

  it('has a limit of connections per terminator', async () => {
    const { dial, tunneler } = await hostingSetUp(fixed, { limits: { maxHostedConnections: 1 } })
    await dial()
    expect(await codeOf(dial())).toBe('dial.refused')
    expect(tunneler.counters.get('calls.refused.host.connection-limit')).toBe(1)
  })

  it('ends with the Bind permission, begins anew with another config, and keeps what does not change', async () => {
    const { network, dial, targets, tunneler } = await hostingSetUp(fixed)
    network.addService({ name: 'db', config: { 'host.v1': fixed, 'intercept.v1': {} } })
    await turns()
    expect(tunneler.counters.get('bindings.opened')).toBe(1)
    network.addService({ name: 'db', config: { 'host.v1': { ...fixed, port: 5433 } } })
    await turns()
    await dial()
    expect(targets.at(-1)?.port).toBe(5433)
    network.addService({ name: 'db', permissions: ['Dial'] })
    await turns()
    expect(await codeOf(dial())).toBe('dial.no-terminator')
    expect(tunneler.status().hosted).toEqual([])
  })

  it('offers each terminator of a host.v2', async () => {
    const { network, tunneler } = await hostingSetUp(fixed)
    const terminators = [fixed, { ...fixed, listenOptions: { identity: 'spare', cost: 7 } }]
    network.addService({ name: 'db', config: { 'host.v2': { terminators } } })
    await turns()
    expect(tunneler.status().hosted).toMatchObject([{ cost: 0 }, { identity: 'spare', cost: 7 }])
  })

  it('says what is not hostable, and what is wrong with a config', async () => {
    const { network, lines } = await hostingSetUp(fixed, { table: { proxyConfigs: true } })
    network.addService({ name: 'page', config: { 'proxy.v1': { port: 80, protocols: ['tcp'] } } })
    network.addService({ name: 'bad', config: { 'host.v1': { port: 'x' } } })
    await turns()
    expect(lines).toContain('info intercept.updateServices service page not hostable')
    expect(lines.filter((line) => line.startsWith('error') && line.includes('host.v1'))).toHaveLength(1)
  })

  it('marks a server that does not answer its port check as failed, and takes it back', async () => {
    const action = (trigger: string, what: string) => ({ trigger, consecutiveEvents: 2, action: what })
    const check = { address: 'localhost:5432', interval: '10s', timeout: '1s', actions: [action('fail', 'mark unhealthy'), action('pass', 'mark healthy')] }
    const { server, clock, tunneler } = await hostingSetUp({ ...fixed, portChecks: [check] })
    server.connect = () => Promise.reject(new CodedError('host.connect-refused', 'down'))
    for (let i = 0; i < 2; i++) {
      expect(tunneler.status().hosted).toMatchObject([{ precedence: 'default' }])
      clock.advance(10_000)
      await turns()
    }
    expect(tunneler.status().hosted).toMatchObject([{ precedence: 'failed' }])
    server.connect = async () => echoingServer()
    for (let i = 0; i < 2; i++) {
      clock.advance(10_000)
      await turns()
    }
    expect(tunneler.status().hosted).toMatchObject([{ precedence: 'default' }])
    expect(tunneler.counters.snapshot()).toMatchObject({ 'health.checks': 4, 'health.failures': 2 })
  })
})

describe('stop', () => {
  it('closes listeners at once, and lets flows finish', async () => {
    const { interceptor, tunneler } = await setUp()
    const flow = await interceptor.connect(8080)
    const heard = collect(flow)
    let stopped = false
    const stopping = tunneler.stop().then(() => (stopped = true))
    await turns()
    expect(interceptor.open).toEqual([])
    expect(stopped).toBe(false)
    expect(tunneler.status()).toMatchObject({ state: 'stopping', flows: [{ state: 'closing' }] })
    flow.send(pattern(10))
    await heard.has(10)
    flow.end()
    expect(await heard.closed).toBeUndefined()
    await stopping
    expect(tunneler.status().state).toBe('stopped')
  })

  it('resets what lives after the grace time, dials too', async () => {
    const { interceptor, tunneler, clock, answer } = await setUp()
    const heard = collect(await interceptor.connect(8080))
    answer.with = () => {}
    const dialling = codeOf(interceptor.connect(8080))
    await turns()
    const stopping = tunneler.stop(5_000)
    clock.advance(4_999)
    await turns()
    expect(tunneler.status().flows).toHaveLength(2)
    clock.advance(1)
    expect(await heard.closed).toBeInstanceOf(CodedError)
    expect(await dialling).toBe('memory.refused')
    await stopping
    expect(clock.pending).toBe(0)
  })

  it('a second time with no grace resets at once', async () => {
    const { interceptor, tunneler } = await setUp()
    const heard = collect(await interceptor.connect(8080))
    const stopping = tunneler.stop()
    await tunneler.stop(0)
    await stopping
    expect(await heard.closed).toBeInstanceOf(CodedError)
  })

  it('does not wait for ever for an interceptor that hangs', async () => {
    const { interceptor, tunneler, clock, lines } = await setUp()
    interceptor.close = () => new Promise(() => {})
    const stopping = tunneler.stop(1_000)
    await turns()
    clock.advance(1_500)
    await stopping
    running = undefined
    expect(lines.at(-1)?.[2]).toContain('did not let go in time')
  })

  it('before start is possible, and a start after it is not', async () => {
    const tunneler = createTunneler({ overlays: [] })
    await tunneler.stop()
    expect(() => tunneler.start()).toThrow('it is stopped')
  })
})
