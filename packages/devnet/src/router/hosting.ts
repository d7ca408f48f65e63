import {
  byteHeader,
  ConnType,
  ContentType,
  EdgeErrorCode,
  encodeBool,
  encodeString,
  encodeUint32,
  HeaderId,
  RetryHint,
  uint16Header,
  type Frame,
} from '@tunnel/edge/wire'
import type { Clock } from '@tunnel/flow'
import type { Terminator, TerminatorStore } from './authority.ts'
import type { Bind } from './bind.ts'
import type { Counters } from './counters.ts'
import { errorHeaders, refusal } from './refusal.ts'
import { routerTiming } from './router-timing.ts'

export interface HostingOptions {
  readonly clock: Clock
  readonly counters: Counters
  readonly terminators: TerminatorStore
}

/** The binds of one router and their terminators, on whatever channel they came. */
export class Hosting {
  readonly #options: HostingOptions
  readonly #byTerminator = new Map<string, Bind>()
  readonly #byListener = new Map<string, Bind>()

  constructor(options: HostingOptions) {
    this.#options = options
  }

  bindOf(terminator: Terminator): Bind | undefined {
    return this.#byTerminator.get(terminator.id)
  }

  /** Answers a Bind that was checked. */
  add(bind: Bind, request: Frame): void {
    const refused = bind.terminator.precedence > 2 ? refusal.invalidPrecedence : bind.sinks.add(bind)
    const connectionId = [HeaderId.ConnId, encodeUint32(bind.id)] as const
    if (refused !== undefined) return bind.channel.reply(request, ContentType.StateClosed, [connectionId], encodeString(refused))
    const older = bind.listenerKey === undefined ? undefined : this.#byListener.get(bind.listenerKey)
    this.#options.counters.binds += 1
    const provides = bind.routerProvidesIds ? ([[HeaderId.RouterProvidedConnId, encodeBool(true)]] as const) : []
    bind.channel.reply(request, ContentType.StateConnected, [connectionId, ...provides])
    if (older) this.#replace(older, bind)
    this.#byTerminator.set(bind.terminator.id, bind)
    if (bind.listenerKey !== undefined) this.#byListener.set(bind.listenerKey, bind)
    if (older) {
      this.#confirmRebind(bind)
      this.#failDials(older)
    } else {
      this.#confirmFirst(bind)
    }
  }

  /** Unbind, StateClosed, or the end of the channel: the terminator is gone at once. Nothing is said to the SDK. */
  remove(bind: Bind): void {
    if (!this.#forget(bind)) return
    this.#byTerminator.delete(bind.terminator.id)
    if (bind.listenerKey !== undefined) this.#byListener.delete(bind.listenerKey)
    this.#options.terminators.remove(bind.terminator.id)
    this.#failDials(bind)
  }

  /** The right to host is gone: the SDK must begin with a new service session (protocol section 5.1). */
  revoke(bind: Bind): void {
    this.remove(bind)
    this.#close(bind, refusal.sessionEnded, EdgeErrorCode.InvalidSession, RetryHint.StartOver)
  }

  update(bind: Bind, { headers }: Frame): void {
    const precedence = byteHeader(headers, HeaderId.Precedence)
    bind.terminator.cost = uint16Header(headers, HeaderId.Cost) ?? bind.terminator.cost
    if (precedence !== undefined && precedence <= 2) bind.terminator.precedence = precedence
  }

  /** Section 11.5: the new bind takes the terminator over as it is; its own cost and precedence are not applied. */
  #replace(older: Bind, newer: Bind): void {
    const { terminator } = older
    this.#forget(older)
    this.#byTerminator.delete(terminator.id)
    newer.terminator = terminator
    this.#close(older, refusal.newerTerminator, EdgeErrorCode.Internal, RetryHint.Default)
  }

  #forget(bind: Bind): boolean {
    if (!bind.live) return false
    bind.live = false
    bind.stopInspect()
    bind.sinks.remove(bind)
    this.#options.counters.binds -= 1
    return true
  }

  /** Last: the dial tries again at once, and must not find the bind that is gone. */
  #failDials(bind: Bind): void {
    for (const fail of [...bind.pendingDials]) fail()
  }

  #close(bind: Bind, message: string, code: number, retryHint: number): void {
    const headers = [[HeaderId.ConnId, encodeUint32(bind.id)] as const, ...errorHeaders(code, message, retryHint)]
    bind.channel.send(ContentType.StateClosed, headers, encodeString(message))
  }

  /** Section 11.5: on a first bind the inspect comes some milliseconds before the success. */
  #confirmFirst(bind: Bind): void {
    this.#after(bind, routerTiming.terminatorCreation, () => {
      this.#options.terminators.add(bind.terminator)
      this.#inspect(bind)
      this.#after(bind, routerTiming.bindStep, () => this.#succeed(bind))
    })
  }

  /** ...and after it on a rebind. The terminator may never have been made, if the first bind is so young. */
  #confirmRebind(bind: Bind): void {
    const { terminators } = this.#options
    if (!terminators.list(bind.terminator.serviceId).some(({ id }) => id === bind.terminator.id)) terminators.add(bind.terminator)
    this.#after(bind, routerTiming.bindStep, () => {
      this.#succeed(bind)
      this.#after(bind, routerTiming.bindStep, () => this.#inspect(bind))
    })
  }

  #succeed(bind: Bind): void {
    if (bind.wantsSuccess) bind.channel.send(ContentType.BindSuccess, [[HeaderId.ConnId, encodeUint32(bind.id)]])
  }

  /** No answer keeps the terminator and is asked again; a wrong one deletes it, and the SDK is not told. */
  #inspect(bind: Bind): void {
    if (!bind.supportsInspect) return
    const asked = [[HeaderId.ConnId, encodeUint32(bind.id)]] as const
    const forget = bind.channel.request(ContentType.ConnInspectRequest, asked, undefined, (reply) => {
      bind.stopInspect()
      if (byteHeader(reply.headers, HeaderId.ConnType) === ConnType.Bind || !bind.live) return
      this.#byTerminator.delete(bind.terminator.id)
      this.#options.terminators.remove(bind.terminator.id)
    })
    const cancelRepeat = this.#options.clock.after(routerTiming.inspectRepeat, () => {
      forget()
      if (bind.live) this.#inspect(bind)
    })
    bind.stopInspect = () => {
      forget()
      cancelRepeat()
    }
  }

  #after(bind: Bind, delay: number, call: () => void): void {
    this.#options.clock.after(delay, () => {
      if (bind.live) call()
    })
  }
}
