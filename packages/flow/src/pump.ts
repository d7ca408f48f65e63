import type { CodedError } from './coded-error.ts'
import { createResetError } from './flow-error.ts'
import type { DatagramFlow, Flow, FlowHandler } from './flow.ts'

/** Bytes (or datagrams) that went from the left flow to the right one, and back. The object is live. */
export interface PumpProgress {
  readonly leftToRight: number
  readonly rightToLeft: number
}

export interface PumpResult extends PumpProgress {
  /** The first error that ended it; absent after an orderly end. */
  readonly error?: CodedError
}

/**
 * Joins two flows until both are closed: bytes, half-closes, resets and back-pressure pass both ways. Chunks are held,
 * not copied. `done` is called once, after the `close` of both.
 */
export function pump(left: Flow, right: Flow, done: (result: PumpResult) => void = () => {}): PumpProgress {
  const moved = { leftToRight: 0, rightToLeft: 0 }
  const gone = new Set<Flow>()
  let first: CodedError | undefined

  const handler = (from: Flow, to: Flow, way: keyof typeof moved): FlowHandler => ({
    data(chunk, hold) {
      // Who writes to an end that is gone altogether is told so, as TCP does (RFC 9293 3.6.1).
      if (gone.has(to)) return from.reset(createResetError())
      moved[way] += chunk.length
      if (!to.send(chunk, hold())) from.pause()
    },
    end: () => to.end(),
    // The flow that drains is the one that this handler listens to; its writer is the other.
    drain: () => to.resume(),
    close(error) {
      gone.add(from)
      first ??= error
      if (error) to.reset(error)
      // It may wait for a drain that will not come.
      else to.resume()
      if (gone.size === 2) done({ ...moved, ...(first && { error: first }) })
    },
  })

  left.attach(handler(left, right, 'leftToRight'))
  right.attach(handler(right, left, 'rightToLeft'))
  return moved
}

/** Joins two datagram flows: one datagram stays one. The end of either ends both. */
export function pumpDatagrams(left: DatagramFlow, right: DatagramFlow, done: (result: PumpResult) => void = () => {}): PumpProgress {
  const moved = { leftToRight: 0, rightToLeft: 0 }
  let open = 2
  let first: CodedError | undefined

  const join = (from: DatagramFlow, to: DatagramFlow, way: keyof typeof moved): void => {
    from.attach({
      message(datagram) {
        if (to.send(datagram)) moved[way] += 1
      },
      close(error) {
        first ??= error
        open -= 1
        if (open === 0) done({ ...moved, ...(first && { error: first }) })
        else to.close(error)
      },
    })
  }
  join(left, right, 'leftToRight')
  join(right, left, 'rightToLeft')
  return moved
}
