import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'
import type { Terminator } from './authority.ts'
import type { CircuitEnd } from './circuit-end.ts'
import type { CircuitRequest, DialRequest, FabricRouter, HostAnswer } from './fabric-router.ts'
import { refusal } from './refusal.ts'
import { dialAttempts, routerTiming } from './router-timing.ts'

/** The end of a circuit that a try has opened. */
export interface OpenedHost {
  readonly terminator: Terminator
  readonly end: CircuitEnd
  readonly publicKey: Uint8Array | undefined
  readonly attempt: number
}

export interface Choice {
  readonly terminator: Terminator
  readonly router: FabricRouter
}

export interface DialOptions {
  readonly circuitId: string
  readonly request: CircuitRequest
  readonly clock: Clock
  /** The next terminator and its router, or the text of the refusal. */
  readonly choose: (tried: ReadonlySet<string>) => Choice | string
  readonly delay: (routerId: string) => Milliseconds
  readonly silent: (terminatorId: string) => boolean
  readonly opened: (host: OpenedHost) => void
  readonly refused: (text: string) => void
}

/**
 * Tries a terminator, and another if it refuses or says nothing for five seconds (protocol section 11.1). Once
 * cancelled it says nothing any more; a host that accepts all the same gets a close.
 */
export function startDial(options: DialOptions): Cancel {
  const tried = new Set<string>()
  const dial = { cancelled: false }

  const attempt = (number: number): void => {
    const choice = options.choose(tried)
    if (typeof choice === 'string') return options.refused(choice)
    tried.add(choice.terminator.id)
    startTry(options, choice, {
      opened(end, publicKey) {
        if (dial.cancelled) return end.close()
        options.opened({ terminator: choice.terminator, end, publicKey, attempt: number })
      },
      failed(reason) {
        if (dial.cancelled) return
        if (number < dialAttempts) return attempt(number + 1)
        options.refused(refusal.retriesExceeded(options.circuitId, reason))
      },
    })
  }

  attempt(1)
  return () => {
    dial.cancelled = true
  }
}

/** One try: `answer` is called once, after five seconds at the latest. */
function startTry(options: DialOptions, { terminator, router }: Choice, answer: HostAnswer): void {
  const { clock, circuitId, request } = options
  const delay = options.delay(router.id)
  let over = false
  let cancelHost: Cancel = () => {}
  const finish = (): void => {
    over = true
    cancelTimeout()
  }
  const cancelTimeout = clock.after(routerTiming.dialAttempt, () => {
    over = true
    cancelHost()
    answer.failed(refusal.hostSilent)
  })
  const opened: HostAnswer['opened'] = (end, publicKey) => {
    if (over || options.silent(terminator.id)) return end.close()
    finish()
    answer.opened(end, publicKey)
  }
  const failed = (reason: string): void => {
    if (over) return
    finish()
    answer.failed(reason)
  }
  later(clock, delay, () => {
    if (over) return
    cancelHost = router.openTerminator(terminator, dialRequest(circuitId, request), {
      opened: (end, publicKey) => later(clock, delay, () => opened(end, publicKey)),
      failed: (reason) => later(clock, delay, () => failed(reason)),
    })
  })
}

function dialRequest(circuitId: string, request: CircuitRequest): DialRequest {
  const { service, dialer, publicKey, callerId, appData, marker } = request
  return {
    circuitId,
    service,
    dialer,
    ...(publicKey && { publicKey }),
    ...(callerId && { callerId }),
    ...(appData && { appData }),
    ...(marker && { marker }),
  }
}

function later(clock: Clock, delay: Milliseconds, call: () => void): void {
  if (delay > 0) clock.after(delay, call)
  else call()
}
