declare const seqBrand: unique symbol

/** A TCP sequence number: 32 bits that wrap. Kept as a signed number, so that the engine has small integers; never compared with `<`. */
export type Seq = number & { readonly [seqBrand]: true }

/** Any number, modulo 2^32. */
export const toSeq = (value: number): Seq => (value | 0) as Seq

export const seqAdd = (seq: Seq, bytes: number): Seq => ((seq + bytes) | 0) as Seq

/** How far `to` is ahead of `from`; negative if it is behind. Right while they are less than 2^31 apart (RFC 9293 3.4). */
export const seqDistance = (from: Seq, to: Seq): number => (to - from) | 0

export const seqLess = (left: Seq, right: Seq): boolean => ((left - right) | 0) < 0

export const seqLessOrEqual = (left: Seq, right: Seq): boolean => ((left - right) | 0) <= 0

export const seqMax = (left: Seq, right: Seq): Seq => (((left - right) | 0) > 0 ? left : right)
