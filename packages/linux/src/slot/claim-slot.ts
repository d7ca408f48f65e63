import { CodedError } from '@tunnel/flow'
import { slotCount } from '../marks.ts'
import { claimName } from './claim-name.ts'

/** Which names and marks an instance takes in its network namespace: 0 is the first. */
export interface Slot {
  readonly slot: number
  release(): void
}

/** The lowest slot that no living instance has. Rejects with `linux.no-slot`. */
export async function claimSlot(): Promise<Slot> {
  for (let slot = 0; slot < slotCount; slot++) {
    const claim = await claimName(`ziti-tunnel.slot.${slot}`)
    if (claim) return { slot, ...claim }
  }
  const message = `${slotCount} tunnelers intercept in this network already (abstract sockets @ziti-tunnel.slot.*, see "ss -xlp"); stop one`
  throw new CodedError('linux.no-slot', message)
}
