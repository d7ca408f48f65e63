import { claimSlot } from '../claim-slot.ts'

// Tells its slot and keeps it until it is killed or told to go on.
const { slot, release } = await claimSlot()
process.stdout.write(`${slot}\n`)
process.stdin.on('data', () => {
  release()
  process.stdout.write('released\n')
})
