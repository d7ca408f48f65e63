/**
 * The mark of every socket that belongs to a tunneler: overlay connections, upstream DNS, hosting dials, transparent
 * listeners (hence the sockets that they accept) and UDP reply sockets. Interception leaves packets with it alone.
 * It fills the high half only: the low half is for marks on intercepted packets, one bit for each instance.
 */
export const ownMark = 0x7a690000
export const ownMask = 0xffff0000

/** How many instances can intercept in one network namespace: a bit of the low half each. */
export const slotCount = 16

/** The bit put on intercepted packets: 0x1 for the first instance, as the original's, 0x2 for the second. */
export function slotMark(slot: number): number {
  if (!Number.isInteger(slot) || slot < 0 || slot >= slotCount) throw new RangeError(`Slot ${slot} is not in 0 to ${slotCount - 1}`)
  return 2 ** slot
}
