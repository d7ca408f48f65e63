import { CodedError, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import type { Channel } from '../channel/channel.ts'
import type { ChannelReceiver } from '../channel/connection-table.ts'
import { connIdHeader } from '../channel/frame-writer.ts'
import type { ConnectionOptions } from '../circuit/connection.ts'
import { parseRefusal, type Refusal } from '../circuit/refusal.ts'
import { ContentType, encodeString, RetryHint, type Frame, type KeyPair } from '../wire.ts'
import { bindHeaders, defaultTerms, termsHeaders, type BindRequest, type TerminatorTerms } from './bind-request.ts'
import { createIncomingCall, refuseDial, type IncomingCall } from './incoming-call.ts'
import { parseIncomingDial, type IncomingDial } from './incoming-dial.ts'

/** Why a bind is over, as far as it matters for the next one. */
export type BindEnd = 'lost' | 'session' | 'replaced' | 'never'

export interface RouterBindOptions {
  readonly connection: ConnectionOptions
  readonly clock: Clock
  readonly log: Log
  readonly service: string
  readonly sessionToken: string
  readonly request: BindRequest
  /** Tells the terms by UpdateBind too: the Bind may replace one that had others. */
  readonly repeatTerms?: boolean
  /** Of the binding, where the service requires encryption. */
  readonly keyPair?: KeyPair
  readonly accept: (call: IncomingCall) => void
  readonly established: () => void
  /** The last call. */
  readonly ended: (end: BindEnd, error: CodedError) => void
}

const bindReplyTimeout: Milliseconds = 5_000
/** Calls that wait for the host's answer, of one bind. */
const mostUnanswered = 1_000

/** One terminator: a bind on one channel (protocol section 5.1). */
export class RouterBind implements ChannelReceiver {
  readonly kind = 'bind'
  readonly #options: RouterBindOptions
  readonly #channel: Channel
  readonly #id: number
  #state: 'asked' | 'accepted' | 'established' | 'ended' = 'asked'
  #unanswered = 0
  /** As last wanted. The Bind carried those of the request. */
  #terms: TerminatorTerms

  constructor(options: RouterBindOptions) {
    this.#options = options
    this.#terms = options.request
    this.#channel = options.connection.channel
    this.#id = this.#channel.connections.allocate(this)
  }

  get established(): boolean {
    return this.#state === 'established'
  }

  /** Whether the router still takes an `update`. */
  get updatable(): boolean {
    return !this.#channel.helloExpired
  }

  open(): void {
    const { request, sessionToken } = this.#options
    const draft = { contentType: ContentType.Bind, headers: bindHeaders(this.#id, request), body: encodeString(sessionToken) }
    this.#channel.request(draft, bindReplyTimeout, (reply) => {
      if (this.#state === 'ended') return
      if (reply === 'closed') return this.channelLost(this.#channel.closed ?? new CodedError('channel.closed', 'the channel was closed'))
      if (reply === 'timeout') {
        this.#channel.sendClosed(this.#id, 'bind was given up')
        return this.#end('lost', new CodedError('bind.timeout', `router ${this.#channel.url} did not answer the bind of '${this.#options.service}'`))
      }
      if (reply.contentType !== ContentType.StateConnected) return this.#refused(parseRefusal(reply))
      if (this.#state === 'asked') this.#state = 'accepted'
      if (!this.#channel.hello?.supportsBindSuccess) this.#establish()
    })
  }

  /** No reply is made to it. Before the router has accepted the bind it waits until the terminator is established. */
  update(terms: TerminatorTerms): void {
    this.#terms = terms
    if (this.#state !== 'accepted' && this.#state !== 'established') return
    const headers = [connIdHeader(this.#id), ...termsHeaders(terms)]
    this.#channel.send({ contentType: ContentType.UpdateBind, headers, body: encodeString(this.#options.sessionToken) })
  }

  /** Withdraws the terminator (protocol section 5.3). `ended` is not called. Circuits live on. */
  close(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#channel.send({ contentType: ContentType.Unbind, headers: [connIdHeader(this.#id)], body: encodeString(this.#options.sessionToken) })
    this.#channel.sendClosed(this.#id, '')
    this.#channel.release(this.#id, this)
  }

  receive(frame: Frame): void {
    switch (frame.contentType) {
      case ContentType.Dial:
        return this.#dialled(parseIncomingDial(frame))
      case ContentType.BindSuccess:
        return this.#establish()
      case ContentType.StateClosed:
        return this.#refused(parseRefusal(frame))
      default:
    }
  }

  drained(): void {}

  channelLost(cause: CodedError): void {
    this.#end('lost', new CodedError('bind.channel-lost', `the bind of '${this.#options.service}' ended: ${cause.message}`, { cause }))
  }

  inspect(): string {
    return JSON.stringify({ id: this.#id, service: this.#options.service, listenerId: this.#options.request.listenerId, state: this.#state })
  }

  #establish(): void {
    if (this.#state === 'established' || this.#state === 'ended') return
    this.#state = 'established'
    const { request, repeatTerms, established } = this.#options
    // A Bind that replaces one keeps the old one's cost and precedence (protocol section 11.5).
    if (repeatTerms || ![request, this.#terms].every(isDefault)) this.update(this.#terms)
    established()
  }

  #refused(refusal: Refusal): void {
    const { service } = this.#options
    const { reason, sessionIsBad, retryHint } = refusal
    const error = new CodedError('bind.refused', `router ${this.#channel.url} ended the bind of '${service}': ${reason || 'no reason given'}`, {
      detail: { service, reason, ...(retryHint !== undefined && { retryHint }) },
    })
    // Somebody with our listener id has bound anew; to bind against that would start a fight (protocol section 11.5).
    if (reason.includes('newer terminator')) return this.#end('replaced', error)
    if (retryHint === RetryHint.NotRetriable) return this.#end('never', error)
    this.#end(sessionIsBad ? 'session' : 'lost', error)
  }

  #end(end: BindEnd, error: CodedError): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#channel.release(this.#id, this)
    this.#options.ended(end, error)
  }

  #dialled(dial: IncomingDial): void {
    const { connection, clock, service, sessionToken, keyPair, accept, log } = this.#options
    const call = { connection, bindId: this.#id, dial }
    if (this.#channel.clogged) return refuseDial(call, 'the router does not read')
    if (dial.token !== sessionToken) return refuseDial(call, 'invalid token')
    const keys = keyPair && dial.publicKey ? connection.crypto.sessionKeys('host', keyPair, dial.publicKey) : undefined
    // Without a key we would go on in the clear (protocol section 4.6).
    if (keyPair && keys === undefined) return refuseDial(call, 'encryption required on service, no acceptable public key came with the dial')
    if (this.#unanswered >= mostUnanswered) return refuseDial(call, 'too many calls wait for an answer')
    this.#unanswered += 1
    log('debug', 'edge/bind.dialled', `call for '${service}'`, { circuit: dial.circuitId, caller: dial.dialerIdentityName ?? dial.callerId })
    accept(createIncomingCall({ ...call, clock, service, settled: () => (this.#unanswered -= 1), ...(keys && { keys }) }))
  }
}

const isDefault = ({ cost, precedence }: TerminatorTerms): boolean => cost === defaultTerms.cost && precedence === defaultTerms.precedence
