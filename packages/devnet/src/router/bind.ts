import { boolHeader, byteHeader, HeaderId, stringHeader, uint16Header, type Frame } from '@tunnel/edge/wire'
import type { ApiSession, ServiceSession, Terminator } from './authority.ts'
import type { Channel } from './channel.ts'
import { createId } from './identifier.ts'
import type { Sinks } from './sinks.ts'

export interface BindOptions {
  readonly id: number
  readonly frame: Frame
  readonly routerId: string
  readonly channel: Channel
  readonly sinks: Sinks
  readonly apiSession: ApiSession
  readonly serviceSession: ServiceSession
}

/** A listener of an SDK on one channel (protocol section 5.1). */
export class Bind {
  readonly kind = 'bind'
  readonly id: number
  readonly channel: Channel
  readonly sinks: Sinks
  readonly token: Uint8Array
  readonly serviceSessionId: string
  /** The same for the same listener of the same identity; `undefined`: it never replaces another. */
  readonly listenerKey: string | undefined
  /** The router chooses the ids of incoming connections; the C SDK 0.29.3 does it itself (section 11.6). */
  readonly routerProvidesIds: boolean
  readonly supportsInspect: boolean
  readonly wantsSuccess: boolean
  readonly publicKey: Uint8Array | undefined
  terminator: Terminator
  live = true
  /** Of a bind that is gone nothing is kept until the SDK answers. */
  stopInspect: () => void = () => {}
  /** How to end each dial that waits for the host's answer. */
  readonly pendingDials = new Set<() => void>()

  constructor({ id, frame, routerId, channel, sinks, apiSession, serviceSession }: BindOptions) {
    const { headers, body } = frame
    const listenerId = stringHeader(headers, HeaderId.ListenerId)
    this.id = id
    this.channel = channel
    this.sinks = sinks
    this.token = body.slice()
    this.serviceSessionId = serviceSession.id
    this.listenerKey = listenerId ? `${apiSession.identityId}\0${serviceSession.serviceId}\0${listenerId}` : undefined
    this.routerProvidesIds = boolHeader(headers, HeaderId.RouterProvidedConnId) ?? false
    this.supportsInspect = boolHeader(headers, HeaderId.SupportsInspect) ?? false
    this.wantsSuccess = boolHeader(headers, HeaderId.SupportsBindSuccess) ?? false
    this.publicKey = headers.get(HeaderId.PublicKey)?.slice()
    this.terminator = {
      id: createId(22),
      serviceId: serviceSession.serviceId,
      routerId,
      instance: stringHeader(headers, HeaderId.TerminatorIdentity) ?? '',
      cost: uint16Header(headers, HeaderId.Cost) ?? 0,
      precedence: byteHeader(headers, HeaderId.Precedence) ?? 0,
      kind: 'sdk',
    }
  }

  hasToken(token: Uint8Array): boolean {
    return Buffer.compare(this.token, token) === 0
  }
}
