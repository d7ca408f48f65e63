import { CodedError } from '@tunnel/flow'
import type * as Koffi from 'koffi'
import { koffi } from './libc.ts'

/** A wait on libuv's own loop: nothing blocks, no thread is taken, and an exit does not wait for it. */
export interface Poll {
  /** Whether it keeps the process alive; it does at first. */
  ref(): void
  unref(): void
  close(): void
}

// koffi has had this since 2.10, under `node`, and leaves it out of its types (decision 8).
type OnPoll = (status: number) => void
interface LoopHandle extends Poll {
  start(options: LoopOptions, call: OnPoll): void
}
interface LoopOptions {
  readonly readable: boolean
  readonly writable: boolean
}
interface LoopPolling {
  readonly node?: { poll?(fd: number, options: LoopOptions, call: OnPoll): LoopHandle }
}

/** A handle that is collected falls silent, and a closed one must not be touched. */
const openHandles = new Set<LoopHandle>()

/**
 * Calls whenever `fd` is readable (or writable) or has an error, level-triggered, from libuv's poll phase. That is outside of any callback scope of
 * Node's: do no more in it than to plan work by `setImmediate`, which comes next. Close it before `fd`.
 */
export function pollDescriptor(fd: number, wanted: 'readable' | 'writable', call: () => void): Poll {
  const { poll } = (koffi() as typeof Koffi & LoopPolling).node ?? {}
  if (!poll) throw new CodedError('linux.unsupported', 'This version of koffi cannot wait for descriptors. Install koffi 3.3')
  const options = { readable: wanted === 'readable', writable: wanted === 'writable' }
  const onPoll: OnPoll = (status) => {
    // libuv stops the wait when the socket has an error to tell (by ICMP, or of lost netlink messages), after which it lives on.
    if (status < 0 && openHandles.has(handle)) handle.start(options, onPoll)
    call()
  }
  const handle = poll(fd, options, onPoll)
  closeAtExit()
  openHandles.add(handle)
  return {
    ref: () => openHandles.has(handle) && handle.ref(),
    unref: () => openHandles.has(handle) && handle.unref(),
    close: () => openHandles.delete(handle) && handle.close(),
  }
}

let closesAtExit = false

// Node's main thread may end with open handles; a worker that does aborts the process. (`worker.terminate()` emits no
// `exit`: whoever terminates a worker closes its sockets first.)
function closeAtExit(): void {
  if (closesAtExit) return
  closesAtExit = true
  process.once('exit', () => {
    for (const handle of openHandles) handle.close()
    openHandles.clear()
  })
}
