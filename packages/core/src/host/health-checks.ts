import type { HealthAction, HostV1, HttpCheck, PortCheck } from '@tunnel/config'
import { CodedError } from '@tunnel/flow'
import type { Cancel, Milliseconds } from '@tunnel/flow'
import { discard } from '../flows/join.ts'
import type { Baseline } from './bind-options.ts'
import { afterResult, applyActions, noHistory } from './health-state.ts'
import type { HostDialer } from './host-dialer.ts'
import type { HostContext } from './host-context.ts'

interface Check {
  readonly interval: Milliseconds
  readonly timeout: Milliseconds
  readonly actions: readonly HealthAction[]
  /** Rejects when the server is not well. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

export interface HealthChecks {
  close(): void
}

/**
 * Runs the port and HTTP checks of a host config, one at a time each, and tells when the terminator should have another
 * cost or precedence (protocol section 5.7).
 */
export function createHealthChecks(host: HostV1, baseline: Baseline, context: HostContext, changed: (next: Baseline) => void): HealthChecks {
  let current = baseline
  const results = (next: Baseline): void => {
    if (next.cost === current.cost && next.precedence === current.precedence) return
    current = next
    changed(next)
  }
  const checks = [
    ...host.portChecks.map((check) => portCheck(check, context.dialer)),
    ...host.httpChecks.map((check) => httpCheck(check, context.dialer)),
  ]
  const stops = checks.map((check) => repeat(check, context, (evaluate) => results(evaluate({ baseline, current }))))
  return { close: () => stops.forEach((stop) => stop()) }
}

type Evaluate = (state: { baseline: Baseline; current: Baseline }) => Baseline

function repeat(check: Check, { clock, counters }: HostContext, concluded: (evaluate: Evaluate) => void): Cancel {
  const stopped = new AbortController()
  let history = noHistory
  let cancelNext: Cancel = () => {}

  const once = async (): Promise<void> => {
    const abort = new AbortController()
    const cancelTimer = clock.after(check.timeout, () => abort.abort(new CodedError('host.check-timeout', 'no answer in time')))
    const passing = await check.run(AbortSignal.any([abort.signal, stopped.signal])).then(
      () => true,
      () => false,
    )
    cancelTimer()
    if (stopped.signal.aborted) return
    counters.increment('health.checks')
    if (!passing) counters.increment('health.failures')
    const before = history
    const now = clock.now()
    history = afterResult(before, passing, now)
    concluded((state) => applyActions(check.actions, before, history, now, state))
    cancelNext = clock.after(check.interval, () => void once())
  }

  cancelNext = clock.after(check.interval, () => void once())
  return () => {
    stopped.abort()
    cancelNext()
  }
}

function portCheck({ address, interval, timeout, actions }: PortCheck, dialer: HostDialer): Check {
  const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]+)\]|(.*)):(\d+)$/.exec(address) ?? []
  return {
    interval,
    timeout,
    actions,
    async run(signal) {
      const flow = await dialer.connectTcp({ protocol: 'tcp', address: bracketed ?? plain, port: Number(port) }, signal)
      discard(flow, new CodedError('host.check-done', 'the health check is done'))
    },
  }
}

function httpCheck(check: HttpCheck, dialer: HostDialer): Check {
  const { url, method, body, expectStatus, expectInBody, interval, timeout, actions } = check
  return {
    interval,
    timeout,
    actions,
    async run(signal) {
      const answer = await dialer.probeHttp({ url, method, ...(body !== undefined && { body }) }, signal)
      const asExpected = answer.status === expectStatus && (expectInBody === undefined || answer.body.includes(expectInBody))
      if (!asExpected) throw new CodedError('host.check-failed', `${url} answers ${answer.status}`)
    },
  }
}
