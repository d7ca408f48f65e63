import { CodedError, type Cancel, type Clock, type DatagramFlow, type Flow, type FlowInfo, type Milliseconds } from '@tunnel/flow'
import { connIdHeader, replyForHeader } from '../channel/frame-writer.ts'
import { Circuit } from '../circuit/circuit.ts'
import { Connection, type ConnectionOptions } from '../circuit/connection.ts'
import { DatagramCircuit } from '../circuit/datagram-circuit.ts'
import { ContentType, encodeString, encodeUint32, type SessionKeys } from '../wire.ts'
import type { IncomingDial } from './incoming-dial.ts'

/** Has the shape of core's `IncomingCall`. */
export interface IncomingCall {
  readonly service: string
  readonly circuitId?: string
  readonly callerId?: string
  readonly dialerIdentityId?: string
  readonly dialerIdentityName?: string
  readonly appData: Readonly<Record<string, string>>
  accept(): Flow
  acceptDatagrams(): DatagramFlow
  refuse(reason: string): void
}

export interface IncomingCallOptions {
  readonly connection: ConnectionOptions
  readonly clock: Clock
  readonly service: string
  readonly bindId: number
  readonly dial: IncomingDial
  readonly keys?: SessionKeys
  /** Called once: the call was answered, or its time is over. */
  readonly settled: () => void
}

/** The router waits no longer for an answer (protocol section 5.2). */
const answerLimit: Milliseconds = 5_000
/** Later, the dialer may be gone although the router takes the answer (protocol section 11.5). */
const lateAnswer: Milliseconds = 4_000
export const silenceLimit: Milliseconds = 20_000

/** One client that wants a connection. Answered once, in time, or refused by itself. */
export function createIncomingCall(options: IncomingCallOptions): IncomingCall {
  const { dial, service, clock, connection } = options
  const { circuitId, callerId, dialerIdentityId, dialerIdentityName, appData } = dial
  const since = clock.now()
  let answered = false
  let waiting = true
  const settle = (): void => {
    if (waiting) options.settled()
    waiting = false
  }
  const answer = (): void => {
    if (answered) throw new CodedError('bind.answered', `the call for '${service}' was answered before: accept or refuse it once`)
    answered = true
    cancel()
    settle()
  }
  const cancel: Cancel = clock.after(answerLimit, () => {
    settle()
    refuseDial(options, 'the host did not answer in time')
  })
  const inTime = (): boolean => clock.now() - since < answerLimit
  const accept = <T>(protocol: FlowInfo['protocol'], makeFlow: (connection: Connection, info: FlowInfo) => T): T => {
    answer()
    const accepted = new Connection(connection)
    const flow = makeFlow(accepted, { protocol, service, ...(circuitId !== undefined && { circuitId }) })
    if (inTime()) acceptDial(options, accepted, clock.now() - since)
    else accepted.failUnsent(new CodedError('bind.late-answer', `the call for '${service}' was accepted after ${answerLimit / 1000} s: the router has given it up`))
    return flow
  }
  return {
    service,
    appData,
    ...(circuitId !== undefined && { circuitId }),
    ...(callerId !== undefined && { callerId }),
    ...(dialerIdentityId !== undefined && { dialerIdentityId }),
    ...(dialerIdentityName !== undefined && { dialerIdentityName }),
    accept: () => accept('tcp', (accepted, info) => new Circuit(accepted, info)),
    acceptDatagrams: () => accept('udp', (accepted, info) => new DatagramCircuit(accepted, info)),
    refuse(reason) {
      answer()
      if (inTime()) refuseDial(options, reason)
    },
  }
}

export function refuseDial({ connection, bindId, dial }: Pick<IncomingCallOptions, 'connection' | 'bindId' | 'dial'>, reason: string): void {
  const headers = [replyForHeader(dial.sequence), connIdHeader(bindId)]
  connection.channel.answer({ contentType: ContentType.DialFailed, headers, body: encodeString(reason) })
}

function acceptDial(options: IncomingCallOptions, accepted: Connection, answerTime: Milliseconds): void {
  const { connection, bindId, dial, keys, clock } = options
  const { channel } = connection
  const headers = [replyForHeader(dial.sequence), connIdHeader(bindId)]
  if (channel.closed) return accepted.failUnsent(new CodedError('circuit.channel-lost', `the connection to router ${channel.url} ended before the call was accepted`))
  if (dial.connId === undefined) {
    // The old way: our id, and no data before the router has agreed to it.
    const body = encodeUint32(accepted.allocate())
    channel.request({ contentType: ContentType.DialSuccess, headers, body }, answerLimit, (reply) => {
      if (typeof reply !== 'string' && reply.contentType === ContentType.StateConnected) accepted.start(keys)
      else accepted.fail(new CodedError('bind.unconfirmed', 'the router did not confirm the accepted call'))
    })
  } else {
    if (!accepted.claim(dial.connId)) {
      refuseDial(options, `connection id ${dial.connId} is in use`)
      return accepted.failUnsent(new CodedError('bind.id-in-use', `router ${channel.url} gave a connection id that is in use`))
    }
    channel.send({ contentType: ContentType.DialSuccess, headers, body: encodeUint32(dial.connId) })
    accepted.start(keys)
  }
  // A dialer sends its stream header at once; one that is silent has given up (protocol section 11.5).
  if (keys || answerTime > lateAnswer) {
    accepted.expectWithin(clock, silenceLimit, new CodedError('bind.silent', `nothing came from the dialer within ${silenceLimit / 1000} s`))
  }
}
