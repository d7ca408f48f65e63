import type { Overlay, OverlayIdentity, ServiceChange, Unsubscribe } from '@tunnel/core'
import type { Clock, Milliseconds } from '@tunnel/flow'
import { CodedError, isCodedError, systemClock } from '@tunnel/flow'

/** An overlay that is still being opened: it has no services until then, and is the opened one after. */
export interface LateOverlay extends Overlay {
  /** Where the identity comes from, for messages. */
  readonly name: string
  /** Resolves when it is open; rejects with the reason when it never will be. */
  readonly opened: Promise<void>
}

/**
 * With several identities, a controller that cannot be reached must not keep the others waiting: opening one goes on
 * behind an overlay that can be used at once. `open` must give up when its signal is aborted.
 */
export function createLateOverlay(name: string, open: (signal: AbortSignal) => Promise<Overlay>): LateOverlay {
  const abort = new AbortController()
  const watchers = new Map<(change: ServiceChange) => void, Unsubscribe>()
  let overlay: Overlay | undefined

  const opened = open(abort.signal).then((result) => {
    overlay = result
    for (const listener of watchers.keys()) watchers.set(listener, result.watch(listener))
  })
  const ready = async (): Promise<Overlay> => overlay ?? Promise.reject(notOpen(name))

  return {
    name,
    opened,
    get identity() {
      return overlay?.identity ?? nobody(name)
    },
    get services() {
      return overlay?.services ?? new Map()
    },
    watch(listener) {
      watchers.set(listener, overlay?.watch(listener) ?? (() => {}))
      return () => {
        watchers.get(listener)?.()
        watchers.delete(listener)
      }
    },
    dial: async (...call) => (await ready()).dial(...call),
    dialDatagrams: async (...call) => (await ready()).dialDatagrams(...call),
    bind: async (...call) => (await ready()).bind(...call),
    async close(reason) {
      abort.abort()
      await opened.catch(() => {}) // whoever waits for `opened` has the reason
      await overlay?.close(reason)
    },
  }
}

const notOpen = (name: string): CodedError => new CodedError('dial.no-router', `identity ${name} is not logged in yet`)

function nobody(name: string): OverlayIdentity {
  return {
    id: '',
    name,
    appData: {},
    defaultHostingCost: 0,
    defaultHostingPrecedence: 'default',
    serviceHostingCosts: {},
    serviceHostingPrecedences: {},
  }
}

/** Time that further identities have after the first is open: so that one start is one piece of news. */
const companyTime: Milliseconds = 1_000

/** Resolves when one is open and the others have had their time. Rejects when none ever will be. */
export async function firstOpened(overlays: readonly LateOverlay[], clock: Clock = systemClock): Promise<void> {
  const openings = overlays.map(({ opened }) => opened)
  await Promise.any(openings).catch((error: unknown) => Promise.reject(noneOpened(error, overlays[0]?.name)))
  const enough = new Promise<void>((resolve) => clock.after(companyTime, resolve))
  await Promise.race([Promise.allSettled(openings), enough])
}

/** For who cannot wait until a controller is reached: rejects with `cli.no-login` after `patience`, and the lines of the log say why. */
export async function firstOpenedWithin(patience: Milliseconds, overlays: readonly LateOverlay[], clock: Clock = systemClock): Promise<void> {
  let cancel = (): void => {}
  const tooLate = new Promise<never>((_, reject) => (cancel = clock.after(patience, () => reject(noLogin(patience, overlays)))))
  try {
    await Promise.race([firstOpened(overlays, clock), tooLate])
  } finally {
    cancel()
  }
}

function noLogin(patience: Milliseconds, overlays: readonly LateOverlay[]): CodedError {
  const [first] = overlays
  const who = overlays.length === 1 ? `identity ${first?.name}` : `none of the ${overlays.length} identities`
  const message = `${who} could${overlays.length === 1 ? ' not' : ''} log in within ${patience / 1000} s: try 'ziti-tunnel doctor', which says what stands in the way`
  return new CodedError('cli.no-login', message)
}

function noneOpened(error: unknown, name: string | undefined): unknown {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
  const [first] = errors
  // Not one of ours: a fault of the program, to be seen as such.
  if (!isCodedError(first)) return first
  const message = errors.length === 1 ? `identity ${name}: ${first.message}` : `none of the ${errors.length} identities can be used`
  return new CodedError('identity.refused', message, { cause: first })
}
