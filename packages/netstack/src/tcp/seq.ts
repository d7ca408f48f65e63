/**
 * A sequence number (RFC 9293 3.4): a point on a circle of 2^32, kept as a signed 32-bit integer, which is what
 * JavaScript engines hold without a heap object. Equal points are equal numbers; order exists only within half the circle.
 */
export type Seq = number & { readonly __seq: true }

export function toSeq(value: number): Seq {
  return (value | 0) as Seq
}

export function seqAdd(seq: Seq, bytes: number): Seq {
  return ((seq + bytes) | 0) as Seq
}

/** How far `left` lies after `right`: negative when it lies before. */
export function seqDiff(left: Seq, right: Seq): number {
  return (left - right) | 0
}

export function seqLess(left: Seq, right: Seq): boolean {
  return ((left - right) | 0) < 0
}

export function seqLessOrEqual(left: Seq, right: Seq): boolean {
  return ((left - right) | 0) <= 0
}

export function seqMax(left: Seq, right: Seq): Seq {
  return seqLess(left, right) ? right : left
}
