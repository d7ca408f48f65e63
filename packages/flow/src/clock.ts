/** A span or a point of time in milliseconds. Points come from one `Clock` and compare only with each other. */
export type Milliseconds = number

export type Cancel = () => void

/** The only source of time: virtual in tests. */
export interface Clock {
  /** Monotonic, arbitrary origin. */
  now(): Milliseconds
  /** Calls once after `delay`; a pending call does not keep the process alive. */
  after(delay: Milliseconds, call: () => void): Cancel
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, call) {
    const timer: unknown = setTimeout(call, delay)
    // Node's timer is an object that can be unreferenced, a browser's is a number.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>)
  },
}
