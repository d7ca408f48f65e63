import { CodedError, type FlowInfo, type Milliseconds } from '@tunnel/flow'
import type { Channel } from '../channel/channel.ts'
import { connIdHeader, type HeaderEntry } from '../channel/frame-writer.ts'
import { ContentType, encodeString, HeaderId, stringHeader, type Frame, type KeyPair, type SessionKeys } from '../wire.ts'
import { Connection, type ConnectionEvents, type ConnectionOptions } from './connection.ts'
import { parseRefusal, refusalError, type Refusal } from './refusal.ts'

/** One Connect on one channel (protocol section 4.2). */
export interface ConnectRequest {
  readonly protocol: FlowInfo['protocol']
  readonly service: string
  readonly encryptionRequired: boolean
  /** Token of the service session. Never a bare service id: it crashes a 2.0.3 router. */
  readonly sessionToken: string
  readonly callerId: string
  readonly terminator?: string
  readonly appData?: Readonly<Record<string, string>>
}

/** Makes the flow of a connection, before anything can come for it. */
export type MakeFlow<T> = (connection: Connection, info: FlowInfo) => T

export type ConnectResult<T> =
  | { readonly kind: 'connected'; readonly flow: T }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly error: CodedError }

/** Rejects with `dial.timeout`, `dial.no-router`, `dial.encryption-required`, the channel's end, or the reason of `signal`. */
export function connectCircuit<T>(options: ConnectionOptions, request: ConnectRequest, makeFlow: MakeFlow<T>, timeout: Milliseconds, signal: AbortSignal): Promise<ConnectResult<T>> {
  const { channel, crypto } = options
  if (channel.clogged) return Promise.reject(notReading(channel))
  const connection = new Connection(options)
  const connId = connection.allocate()
  const keyPair = request.encryptionRequired ? crypto.keyPair() : undefined
  return new Promise((resolve, reject) => {
    let settled = false
    const giveUp = (error: CodedError): void => {
      if (settled) return
      settled = true
      signal.removeEventListener('abort', aborted)
      connection.close('dial was given up')
      reject(error)
    }
    const aborted = (): void => giveUp(signal.reason as CodedError)
    signal.addEventListener('abort', aborted)
    connection.listen(untilConnected((error) => giveUp(error), request.service))
    channel.request({ contentType: ContentType.Connect, headers: connectHeaders(connId, request, keyPair), body: encodeString(request.sessionToken) }, timeout, (reply) => {
      if (reply === 'timeout') return giveUp(new CodedError('dial.timeout', `router ${channel.url} did not answer the dial of '${request.service}' in time`))
      if (reply === 'closed') return giveUp(channelClosed(channel))
      // Given up meanwhile: nobody is here any more (protocol section 4.2).
      if (settled) return void (reply.contentType === ContentType.StateConnected && channel.sendClosed(connId, 'dial was given up'))
      if (reply.contentType !== ContentType.StateConnected) {
        settled = true
        signal.removeEventListener('abort', aborted)
        connection.abandon()
        const refusal = parseRefusal(reply)
        return resolve({ kind: 'refused', refusal, error: refusalError(refusal, request.service) })
      }
      const keys = keyPair && crypto.sessionKeys('dialer', keyPair, reply.headers.get(HeaderId.PublicKey) ?? noKey)
      if (keyPair && keys === undefined) return giveUp(noPeerKey(request.service))
      settled = true
      signal.removeEventListener('abort', aborted)
      resolve({ kind: 'connected', flow: establish(connection, request, reply, keys, makeFlow) })
    })
    if (signal.aborted) aborted()
  })
}

const noKey = new Uint8Array(0)

/** A StateClosed that is no reply ends the dial as well: a StateConnected behind it comes too late. */
const untilConnected = (giveUp: (error: CodedError) => void, service: string): ConnectionEvents => ({
  message: () => {},
  fin: () => {},
  drained: () => {},
  peerClosed: (reason) => giveUp(new CodedError('dial.refused', `service '${service}' cannot be dialled: ${reason || 'no reason given'}`, { detail: { service, reason } })),
  failed: giveUp,
})

function connectHeaders(connId: number, request: ConnectRequest, keyPair: KeyPair | undefined): HeaderEntry[] {
  const { callerId, terminator, appData } = request
  const headers: HeaderEntry[] = [connIdHeader(connId), [HeaderId.CallerId, encodeString(callerId)]]
  if (keyPair) headers.push([HeaderId.PublicKey, keyPair.publicKey])
  if (terminator !== undefined) headers.push([HeaderId.TerminatorIdentity, encodeString(terminator)])
  if (appData !== undefined) headers.push([HeaderId.AppData, encodeString(JSON.stringify(appData))])
  return headers
}

function establish<T>(connection: Connection, { protocol, service }: ConnectRequest, reply: Frame, keys: SessionKeys | undefined, makeFlow: MakeFlow<T>): T {
  const circuitId = stringHeader(reply.headers, HeaderId.CircuitId)
  const flow = makeFlow(connection, { protocol, service, ...(circuitId !== undefined && { circuitId }) })
  connection.start(keys)
  return flow
}

const channelClosed = ({ url, closed }: Channel): CodedError =>
  new CodedError('circuit.channel-lost', `the connection to router ${url} ended during the dial`, { cause: closed })

const notReading = ({ url }: Channel): CodedError =>
  new CodedError('dial.no-router', `router ${url} has stopped reading: a circuit through it may have a receiver that does not read`)

/** Going on in the clear, as the Go SDK does, would betray what the service demands (protocol section 4.6). */
const noPeerKey = (service: string): CodedError =>
  new CodedError('dial.encryption-required', `service '${service}' requires encryption but its host gave no key`, { detail: { service } })
