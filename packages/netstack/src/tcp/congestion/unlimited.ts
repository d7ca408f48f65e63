import type { CongestionControl } from './congestion-control.ts'

/**
 * No congestion control: only the peer's window bounds what is in flight. For paths that cannot be congested (memory, a TUN of the same
 * host, whose queue is the kernel's) and for measuring loss recovery alone. Never for a network that others share.
 */
export function unlimited(): CongestionControl {
  return {
    name: 'unlimited',
    windowBytes: Number.POSITIVE_INFINITY,
    thresholdBytes: Number.POSITIVE_INFINITY,
    acked() {},
    lossDetected() {},
    timedOut() {},
    recovered() {},
    undo() {},
    restart() {},
    mssChanged() {},
  }
}
