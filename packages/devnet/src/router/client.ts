import type { Duplex } from 'node:stream'
import {
  boolHeader,
  ContentType,
  EdgeErrorCode,
  encodeBool,
  encodeString,
  encodeUint32,
  HeaderId,
  replyFor,
  stringHeader,
  uint32Header,
  type Frame,
} from '@tunnel/edge/wire'
import type { Cancel, Clock, Log, Milliseconds } from '@tunnel/flow'
import type { ApiSession, RouterAuthority } from './authority.ts'
import { Bind } from './bind.ts'
import { Channel } from './channel.ts'
import type { ChannelCloseReason, Counters } from './counters.ts'
import { handleConnect, serviceSessionOf } from './connect.ts'
import type { Fabric } from './fabric.ts'
import type { HeaderEntry } from './frame-writer.ts'
import { helloResult } from './hello.ts'
import type { Hosting } from './hosting.ts'
import { errorHeaders, refusal } from './refusal.ts'
import type { RouterFaults } from './router-faults.ts'
import { routerTiming } from './router-timing.ts'
import { Sinks } from './sinks.ts'
import { answerTraceRoute } from './trace-route.ts'

/** What the channels of one router share. */
export interface RouterContext {
  readonly id: string
  readonly authority: RouterAuthority
  readonly fabric: Fabric
  readonly hosting: Hosting
  readonly counters: Counters
  readonly clock: Clock
  readonly faults: RouterFaults
  readonly log: Log
}

export interface ClientOptions {
  readonly stream: Duplex
  /** DER of the TLS leaf. */
  readonly certificate: Uint8Array
  readonly router: RouterContext
  readonly closed: (client: Client) => void
}

/** Longest delay that a timer takes. */
const longestTimer = 0x7f_ff_ff_ff
const text = new TextDecoder()

/** An SDK on a channel: from its hello to its close, with all that it dials and hosts there. */
export class Client {
  readonly channel: Channel
  readonly sinks = new Sinks()
  readonly router: RouterContext
  readonly #certificate: Uint8Array
  #session: ApiSession | undefined
  /** By the router's clock. */
  #helloExpiresAt: Milliseconds = Infinity
  #state: 'hello' | 'open' | 'refused' = 'hello'
  #cancelTimer: Cancel

  constructor({ stream, certificate, router, closed }: ClientOptions) {
    this.router = router
    this.#certificate = certificate
    const { clock, counters, faults } = router
    this.#cancelTimer = clock.after(routerTiming.hello, () => this.channel.close('hello-timeout'))
    this.channel = new Channel({
      stream,
      clock,
      counters,
      faults,
      received: (frame) => this.#received(frame),
      closed: (reason) => {
        this.#closed(reason)
        closed(this)
      },
    })
  }

  /** Absent before the hello, and for ever if its token was refused. */
  get session(): ApiSession | undefined {
    return this.#session
  }

  /** Circuits and binds of a service session that has ended. */
  revoke(serviceSessionId: string): void {
    for (const sink of this.sinks.all()) {
      if (sink.serviceSessionId !== serviceSessionId) continue
      if (sink.kind === 'bind') this.router.hosting.revoke(sink)
      else sink.revoke()
    }
  }

  #closed(reason: ChannelCloseReason): void {
    this.#cancelTimer()
    for (const sink of this.sinks.all()) {
      if (sink.kind === 'bind') this.router.hosting.remove(sink)
      else sink.closedBySdk()
    }
    this.router.log('debug', 'devnet/router.channel', 'channel closed', { reason, identity: this.#session?.identityName })
  }

  #received(frame: Frame): void {
    if (this.#state === 'hello') return this.#hello(frame)
    if (this.#session === undefined) return
    // The hot path first.
    if (frame.contentType === ContentType.Data) return this.#data(frame)
    const answers = replyFor(frame.headers)
    if (answers !== undefined && this.channel.takeReply(frame, answers)) return
    this.#dispatch(frame, this.#session)
  }

  /** Protocol section 3.6: success comes first, and only then the token is looked at. */
  #hello(frame: Frame): void {
    if (frame.contentType !== ContentType.Hello) return this.channel.close('hello-expected')
    this.#cancelTimer()
    this.channel.helloReceived()
    this.channel.send(ContentType.Result, helloResult(this.channel.id, this.router.id, frame.sequence), undefined, -1)
    // We give out no groups, so whoever wants to join one names one that does not exist (section 11.4).
    const joinsGroup = boolHeader(frame.headers, HeaderId.IsGrouped) && !boolHeader(frame.headers, HeaderId.IsFirstGroupConnection)
    if (joinsGroup) return this.#refuse('group-unknown', routerTiming.unknownGroup)
    const token = stringHeader(frame.headers, HeaderId.SessionToken) ?? ''
    const session = token === '' ? 'unknown' : this.router.authority.checkApiSession(token, this.#certificate)
    if (session === 'unknown') return this.#refuse('token-unknown', routerTiming.unknownToken)
    if (session === 'foreign') return this.#refuse('token-foreign', routerTiming.foreignToken)
    this.#state = 'open'
    this.#session = session
    const { kind, expiresAt } = session
    if (kind === 'oidc' && expiresAt !== undefined) this.#helloExpiresAt = this.router.clock.now() + expiresAt - Date.now()
    this.#watchExpiry(session)
  }

  #refuse(reason: ChannelCloseReason, delay: number): void {
    this.#state = 'refused'
    this.channel.deafen()
    this.#cancelTimer = this.router.clock.after(delay, () => this.channel.close(reason))
  }

  #watchExpiry(session: ApiSession): void {
    const { kind, expiresAt } = session
    this.#cancelTimer()
    if (kind === 'legacy' || expiresAt === undefined) return
    const left = expiresAt - Date.now()
    this.#cancelTimer = this.router.clock.after(Math.min(Math.max(left, 0), longestTimer), () => {
      if (left > longestTimer) this.#watchExpiry(session)
      else this.channel.close('token-expired')
    })
  }

  #dispatch(frame: Frame, session: ApiSession): void {
    switch (frame.contentType) {
      case ContentType.Connect:
        return handleConnect(this, session, frame)
      case ContentType.StateClosed:
        return this.#stateClosed(frame)
      case ContentType.Bind:
        return this.#bind(frame, session)
      case ContentType.Unbind:
        return this.#withBind(frame, (bind) => this.router.hosting.remove(bind))
      case ContentType.UpdateBind:
        return this.#withBind(frame, (bind) => this.#updateBind(bind, frame))
      case ContentType.HealthEvent:
        return this.#withBind(frame, (bind) => this.#healthEvent(bind, frame))
      case ContentType.Latency:
        return this.#latency(frame)
      case ContentType.UpdateToken:
        return this.#updateToken(frame, session)
      case ContentType.TraceRoute:
        return answerTraceRoute(this.channel, this.router.id, frame)
      case ContentType.PostureResponse:
        this.router.counters.postureResponses += 1
        return
      case ContentType.Result:
      case ContentType.DialSuccess:
      case ContentType.DialFailed:
      case ContentType.ConnInspectResponse:
      case ContentType.InspectResponse:
      case ContentType.TraceRouteResponse:
        return this.router.counters.ignored('unmatched-reply')
      default:
        // Section 11.1: ConnectV2 and all else that is newer than 2.0.3 gets no answer at all.
        return this.router.counters.ignored('unsupported')
    }
  }

  #data(frame: Frame): void {
    const id = uint32Header(frame.headers, HeaderId.ConnId)
    if (id === undefined) return this.router.counters.ignored('no-connection-id')
    const sink = this.sinks.get(id)
    if (sink?.kind !== 'connection') return this.router.counters.ignored('unknown-connection')
    if (!sink.received(frame)) this.router.counters.ignored('not-connected')
  }

  #stateClosed(frame: Frame): void {
    const id = uint32Header(frame.headers, HeaderId.ConnId)
    const sink = id === undefined ? undefined : this.sinks.get(id)
    if (sink === undefined) this.router.counters.ignored(id === undefined ? 'no-connection-id' : 'unknown-connection')
    else if (sink.kind === 'bind') this.router.hosting.remove(sink)
    else sink.closedBySdk()
  }

  #bind(frame: Frame, apiSession: ApiSession): void {
    const { router, channel, sinks } = this
    const id = uint32Header(frame.headers, HeaderId.ConnId)
    if (id === undefined) return router.counters.ignored('no-connection-id')
    const serviceSession = serviceSessionOf(router.authority, frame, apiSession, 'Bind')
    if (typeof serviceSession === 'string') {
      return channel.reply(frame, ContentType.StateClosed, [[HeaderId.ConnId, encodeUint32(id)]], encodeString(serviceSession))
    }
    router.hosting.add(new Bind({ id, frame, routerId: router.id, channel, sinks, apiSession, serviceSession }), frame)
  }

  /** Unbind, UpdateBind and HealthEvent have no reply; their body is the token of the bind (section 5.3). */
  #withBind(frame: Frame, call: (bind: Bind) => void): void {
    const id = uint32Header(frame.headers, HeaderId.ConnId)
    const sink = id === undefined ? undefined : this.sinks.get(id)
    if (sink?.kind !== 'bind') this.router.counters.ignored(id === undefined ? 'no-connection-id' : 'unknown-connection')
    else if (!sink.hasToken(frame.body)) this.router.counters.ignored('wrong-token')
    else call(sink)
  }

  /** 2.0.3 asks its controller with the token of the hello, whatever UpdateToken brought, and drops a refusal (docs/real-network.md). */
  #updateBind(bind: Bind, frame: Frame): void {
    const { clock, counters, hosting } = this.router
    if (clock.now() >= this.#helloExpiresAt) counters.ignored('hello-token-expired')
    else hosting.update(bind, frame)
  }

  #healthEvent(bind: Bind, frame: Frame): void {
    this.router.counters.healthEvents += 1
    const healthy = boolHeader(frame.headers, HeaderId.HealthStatus)
    this.router.log('info', 'devnet/router.health', 'health event', { terminator: bind.terminator.id, healthy })
  }

  /** Section 3.8; the time in header 128 is the SDK's own, and only reflected. */
  #latency(frame: Frame): void {
    const time = frame.headers.get(HeaderId.Uuid)
    const reflected: HeaderEntry[] = time === undefined ? [] : [[HeaderId.Uuid, time]]
    this.channel.reply(frame, ContentType.Result, [[HeaderId.ResultSuccess, encodeBool(true)], ...reflected])
  }

  /** Section 3.8: the new token must be one of the same API session. */
  #updateToken(frame: Frame, session: ApiSession): void {
    const updated = this.router.authority.checkApiSession(text.decode(frame.body.subarray(0, 0xff_ff)), this.#certificate)
    if (typeof updated === 'object' && updated.id === session.id) {
      this.#session = updated
      this.#watchExpiry(updated)
      return this.channel.reply(frame, ContentType.UpdateTokenSuccess, [])
    }
    const headers = errorHeaders(EdgeErrorCode.InvalidApiSession, refusal.invalidToken)
    this.channel.reply(frame, ContentType.UpdateTokenFailure, headers, encodeString(refusal.invalidToken))
    this.#refuse('token-update-refused', routerTiming.refusedTokenUpdate)
  }
}
