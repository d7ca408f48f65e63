import type { Hold, Release } from './flow.ts'

/**
 * The `Release` of bytes that nobody will ever reuse: the garbage collector frees them. Calling it does nothing;
 * compare with it (`hold() === collected`) to save a copy.
 */
export const collected: Release = () => {}

/** The `Hold` of flows whose chunks are fresh memory each time, such as those of Node's sockets. */
export const holdCollected: Hold = () => collected

/** A fresh copy, for bytes that must outlive a borrow. (`slice` of a `Buffer` is a view.) */
export function copyBytes(chunk: Uint8Array): Uint8Array {
  return new Uint8Array(chunk)
}
