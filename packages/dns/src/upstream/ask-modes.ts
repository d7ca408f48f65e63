import type { Upstream, UpstreamAnswer } from './upstream.ts'

/**
 * `parallel`: all at once. `serial`: one after the other, in order. `failover`: as serial, beginning with the one that
 * was good last. `random`: as serial, in an order that is new each time.
 */
export type UpstreamMode = 'parallel' | 'serial' | 'failover' | 'random'

/** Asks one; undefined when there is no answer. Never rejects. */
export type AskOne = (upstream: Upstream, signal: AbortSignal) => Promise<UpstreamAnswer | undefined>
export type AskMany = (upstreams: readonly Upstream[], ask: AskOne, signal: AbortSignal) => Promise<UpstreamAnswer | undefined>

const noerror = 0
/** NXDOMAIN, SERVFAIL, REFUSED: the order in which they are worth telling when nobody has better news. */
const worth: readonly number[] = [3, 2, 5]

/** In all modes the first NOERROR wins; without one, NXDOMAIN before SERVFAIL before REFUSED before others. */
export function createAskMany(mode: UpstreamMode): AskMany {
  switch (mode) {
    case 'parallel':
      return askAll
    case 'serial':
      return (upstreams, ask, signal) => askInTurn(talkativeFirst(upstreams), ask, signal)
    case 'random':
      return (upstreams, ask, signal) => askInTurn(talkativeFirst(shuffled(upstreams)), ask, signal)
    case 'failover':
      return createFailover()
  }
}

function createFailover(): AskMany {
  let good: Upstream | undefined
  return (upstreams, ask, signal) => {
    const start = Math.max(0, good ? upstreams.indexOf(good) : 0)
    const order = [...upstreams.slice(start), ...upstreams.slice(0, start)]
    const remember: AskOne = async (upstream, patience) => {
      const answer = await ask(upstream, patience)
      if (answer?.rcode === noerror) good = upstream
      return answer
    }
    return askInTurn(talkativeFirst(order), remember, signal)
  }
}

async function askInTurn(order: readonly Upstream[], ask: AskOne, signal: AbortSignal): Promise<UpstreamAnswer | undefined> {
  let best: UpstreamAnswer | undefined
  for (const upstream of order) {
    if (best && upstream.isSilent) continue
    if (signal.aborted) return undefined
    best = better(best, await ask(upstream, signal))
    if (best?.rcode === noerror) return best
  }
  return best
}

function askAll(upstreams: readonly Upstream[], ask: AskOne, signal: AbortSignal): Promise<UpstreamAnswer | undefined> {
  return new Promise((resolve) => {
    const others = new AbortController()
    const onAbort = (): void => others.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const awaited = new Set(upstreams)
    let best: UpstreamAnswer | undefined
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort)
      others.abort()
      resolve(best)
    }
    for (const upstream of upstreams) {
      void ask(upstream, others.signal).then((answer) => {
        best = better(best, answer)
        awaited.delete(upstream)
        // A silent one is worth waiting for only as long as nobody has said anything.
        const isOver = best?.rcode === noerror || awaited.size === 0 || (best !== undefined && [...awaited].every(({ isSilent }) => isSilent))
        if (isOver) settle()
      })
    }
  })
}

function better(left: UpstreamAnswer | undefined, right: UpstreamAnswer | undefined): UpstreamAnswer | undefined {
  if (!left || !right) return left ?? right
  return rank(right) < rank(left) ? right : left
}

function rank({ rcode }: UpstreamAnswer): number {
  if (rcode === noerror) return -1
  const index = worth.indexOf(rcode)
  return index < 0 ? worth.length : index
}

/** Those that have not answered lately at the end, else in the same order. */
function talkativeFirst(upstreams: readonly Upstream[]): readonly Upstream[] {
  return [...upstreams.filter(({ isSilent }) => !isSilent), ...upstreams.filter(({ isSilent }) => isSilent)]
}

function shuffled(upstreams: readonly Upstream[]): readonly Upstream[] {
  const order = [...upstreams]
  for (let left = order.length - 1; left > 0; left -= 1) {
    const pick = Math.floor(Math.random() * (left + 1))
    const [a, b] = [order[left], order[pick]]
    if (a && b) [order[left], order[pick]] = [b, a]
  }
  return order
}
