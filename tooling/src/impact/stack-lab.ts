import { createVirtualClock } from '@tunnel/flow/testing'
import { isCodedError, type Cancel, type Clock, type CodedError, type DatagramFlow, type Endpoint, type Flow, type TcpRequest } from '@tunnel/flow'
import { createMemoryPipe, createNetstack, createSeededRandom, tcpInfo, type Netstack, type TcpListener, type UdpSocket } from '@tunnel/netstack'
import type { Device, DeviceDatagrams, DeviceInfo, DeviceListener, DeviceOptions, DeviceSocket, Lab, SocketFailure } from './lab.ts'
import { RawPeer } from './raw-peer.ts'

export const deviceAddresses = { v4: '10.78.0.1', v6: 'fd78::1' } as const

/** Our stack at one end of a pipe in memory, in virtual time. */
export function openStackLab(options: DeviceOptions = {}): Lab {
  const clock = new LabClock()
  const [near, far] = createMemoryPipe({ mtu: 1500, queueLimit: 100_000 })
  const time = {
    get now() {
      return clock.now()
    },
    passes: (span: number) => clock.passes(span),
    waits: (span: number) => clock.waits(span),
  }
  const peer = new RawPeer('10.78.1.2', 'fd78::1:2', time, (packet) => void far.transmit([packet]))
  far.start((packets) => {
    for (const packet of packets) peer.receive(packet)
  })
  const { receiveBufferBytes, userTimeout, nagle = false, backlog, asks = false } = options
  const stack = createNetstack({
    device: near,
    addresses: [deviceAddresses.v4, deviceAddresses.v6],
    clock,
    random: createSeededRandom(1),
    tcp: {
      nagle,
      ...(receiveBufferBytes !== undefined && { receiveBufferBytes, largestReceiveBufferBytes: receiveBufferBytes }),
      ...(userTimeout !== undefined && { giveUpAfter: userTimeout, giveUpConnectAfter: userTimeout }),
      ...(backlog !== undefined && { maxHalfOpen: backlog, maxRequests: backlog, maxRequestsPerSource: backlog }),
    },
  })
  return {
    kind: 'stack',
    device: new StackDevice(stack, asks),
    peer,
    port: 7_000,
    get now() {
      return clock.now()
    },
    passes: time.passes,
    waits: time.waits,
    close: () => stack.close(),
  }
}

/** Virtual time that knows when it is needed next, so that hours of silence take no time. */
class LabClock implements Clock {
  readonly #clock = createVirtualClock()
  readonly #dues = new Set<{ readonly due: number }>()

  now(): number {
    return this.#clock.now()
  }

  after(delay: number, call: () => void): Cancel {
    const entry = { due: this.now() + Math.max(0, delay) }
    this.#dues.add(entry)
    const cancel = this.#clock.after(delay, () => {
      this.#dues.delete(entry)
      call()
    })
    return () => {
      this.#dues.delete(entry)
      cancel()
    }
  }

  /** Goes on to the next call that is due, for at most `span`. */
  async waits(span: number): Promise<void> {
    const end = this.now() + span
    await settle()
    const next = Math.min(end, ...Array.from(this.#dues, ({ due }) => due))
    this.#clock.advance(Math.max(0, next - this.now()))
    await settle()
  }

  async passes(span: number): Promise<void> {
    const end = this.now() + span
    while (this.now() < end) await this.waits(end - this.now())
    await settle()
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

class StackDevice implements Device {
  readonly v4 = deviceAddresses.v4
  readonly v6 = deviceAddresses.v6
  readonly #stack: Netstack
  readonly #asks: boolean

  /** `asks`: connections are requests that wait until they are accepted, which is what a backlog is here. */
  constructor(stack: Netstack, asks: boolean) {
    this.#stack = stack
    this.#asks = asks
  }

  listen(port: number): DeviceListener {
    if (this.#asks) return this.#listenByRequests(port)
    const ready: StackSocket[] = []
    const listener: TcpListener = this.#stack.listen({ port }, (flow) => ready.push(new StackSocket(flow)))
    return {
      accept: () => ready.shift(),
      close() {
        listener.close()
        // Whoever closes a listener of ours has had all its connections already.
        for (const socket of ready) socket.abort()
      },
    }
  }

  #listenByRequests(port: number): DeviceListener {
    const waiting: TcpRequest[] = []
    this.#stack.onConnect((request) => (request.to.port === port ? void waiting.push(request) : request.refuse('reset')))
    return {
      accept() {
        const request = waiting.shift()
        return request && new StackSocket(request.accept())
      },
      close: () => waiting.forEach((request) => request.refuse('reset')),
    }
  }

  connect(to: Endpoint, fromPort?: number): DeviceSocket {
    return new StackSocket(undefined, this.#stack.connect(to, fromPort === undefined ? {} : { from: { port: fromPort } }))
  }

  bind(port: number): DeviceDatagrams {
    return new StackDatagrams((onMessage) => this.#stack.bind({ port, onMessage }))
  }

  connectDatagrams(to: Endpoint): DeviceDatagrams {
    return new ConnectedStackDatagrams(this.#stack.connectDatagrams(to), to)
  }
}

const failures: Readonly<Record<string, SocketFailure>> = {
  'flow.reset': 'reset',
  'flow.connect-refused': 'refused',
  'flow.connect-timeout': 'timeout',
  'flow.transport': 'timeout',
  'flow.connect-unreachable': 'unreachable',
}
const failureOf = (error: unknown): SocketFailure => (isCodedError(error) ? failures[error.code] : undefined) ?? 'other'

class StackSocket implements DeviceSocket {
  heard = ''
  ended = false
  opened = false
  failure: SocketFailure | undefined
  #flow: Flow | undefined
  #unsent = ''
  #abandoned = false

  constructor(flow: Flow | undefined, opening?: Promise<Flow>) {
    if (flow) this.#open(flow)
    opening?.then((made) => this.#open(made), (error: unknown) => void (this.failure = failureOf(error)))
  }

  info(): DeviceInfo {
    const info = this.#flow && tcpInfo(this.#flow)
    return {
      established: info?.state === 'ESTABLISHED',
      inLoss: info?.recovery === 'timeout',
      retransmissionTimeout: info?.retransmissionTimeout ?? 0,
      roundTripMeasured: info?.roundTrip !== undefined,
      windowSegments: (info?.congestionWindowBytes ?? 0) / (info?.mssBytes ?? 1),
    }
  }

  send(data: string): void {
    if (!this.#flow) this.#unsent += data
    else this.#flow.send(new TextEncoder().encode(data))
  }

  async read(): Promise<void> {
    this.#flow?.resume()
    await settle()
    this.#flow?.pause()
  }

  shutdown(): void {
    this.#flow?.end()
  }

  close(): void {
    this.#abandoned = true
    this.#flow?.end()
    this.#flow?.resume()
  }

  abort(): void {
    this.#flow?.reset({ code: 'flow.aborted' } as CodedError)
  }

  #open(flow: Flow): void {
    this.#flow = flow
    this.opened = true
    const hear = (chunk: Uint8Array): void => {
      if (this.#abandoned) this.abort()
      else this.heard += new TextDecoder().decode(chunk)
    }
    flow.attach({ data: hear, end: () => void (this.ended = true), drain() {}, close: (error) => void (this.failure ??= error && failureOf(error)) })
    flow.pause()
    if (this.#unsent !== '') this.send(this.#unsent)
  }
}

class StackDatagrams implements DeviceDatagrams {
  readonly heard: { data: Uint8Array; from: Endpoint }[] = []
  readonly failure = undefined
  readonly #socket: UdpSocket

  constructor(bind: (onMessage: (data: Uint8Array, from: Endpoint) => void) => UdpSocket) {
    this.#socket = bind((data, from) => this.heard.push({ data: data.slice(), from }))
  }

  send(data: Uint8Array, to: Endpoint): void {
    this.#socket.send(data, to)
  }

  read(): Promise<void> {
    return settle()
  }

  close(): void {
    this.#socket.close()
  }
}

class ConnectedStackDatagrams implements DeviceDatagrams {
  readonly heard: { data: Uint8Array; from: Endpoint }[] = []
  failure: SocketFailure | undefined
  readonly #flow: DatagramFlow

  constructor(flow: DatagramFlow, from: Endpoint) {
    this.#flow = flow
    flow.attach({ message: (data) => this.heard.push({ data: data.slice(), from }), close: (error) => void (this.failure = error && failureOf(error)) })
  }

  send(data: Uint8Array): void {
    this.#flow.send(data)
  }

  read(): Promise<void> {
    return settle()
  }

  close(): void {
    this.#flow.close()
  }
}
