import { execFileSync } from 'node:child_process'
import type { HostChange } from '@tunnel/flow'
import { planOwnedChain } from '../../firewall/iptables/owned-chain.ts'
import { planFileWrite } from '../file-performers.ts'
import { openHostState } from '../host-state.ts'
import { planRoute, planRule } from '../route-performers.ts'

// Changes its host and takes back, at random and without an end: somebody will kill it. Tests run it in namespaces.
const [stateDirectory = '', files = '', seed = '1'] = process.argv.slice(2)

let state = Number(seed)
const random = (below: number): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
  return (state >>> 8) % below
}

const names = ['plain', 'link', 'absent', 'mounted']

function randomChange(number: number): HostChange {
  const octet = number % 256
  switch (random(7)) {
    case 0: return planRule({ family: 4, priority: 1000 + number, mark: 1, mask: 1, table: 100 })
    case 1: return planRule({ family: 6, priority: 1000 + number, mark: 1, mask: 1, table: 100 })
    case 2: return planRoute({ family: 6, destination: `fd00:${number.toString(16)}::/64`, type: 'local', device: 'lo', table: 100 })
    case 3: return planFileWrite({ path: `${files}/${names[random(4)]}`, content: `ours ${number}\n`.repeat(random(400)), replaceLink: random(2) === 0 })
    case 4: return planOwnedChain({ family: 4, table: 'mangle', chain: `VICTIM-${number}`, hook: 'PREROUTING', owner: 'victim' }, [{ comment: 'one', target: 'RETURN' }])
    default: return planRoute({ family: 4, destination: `10.${number >> 8}.${octet}.0/24`, type: 'local', device: 'lo', table: 100 })
  }
}

const host = await openHostState({ stateDirectory })
process.stdout.write('ready\n')
const applied: HostChange[][] = []
for (let number = 0; ; ) {
  // A file is written over while our own earlier content is in it: last first brings all back. But once in a call only.
  const drawn = Array.from({ length: 1 + random(12) }, () => randomChange(number++))
  const changes = drawn.filter(({ kind }, index) => kind !== 'file.write' || drawn.findIndex((each) => each.kind === kind) === index)
  await host.apply(changes)
  applied.push(changes)
  if (applied.length > 4) await host.revert(applied.pop() ?? [])
  // In the middle of somebody's child, too.
  if (random(20) === 0) execFileSync('true')
}
