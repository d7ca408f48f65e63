import { addElements, deleteElements, openOwnerTable, type NftChange, type OwnerTable } from '@tunnel/linux'
import { flowKey, type LingeringFlow } from '../flows/live-flows.ts'
import { mayMeetReplies } from '../wanted/claim-wishes.ts'
import type { Numbers } from '../wanted/numbers.ts'
import { emptyTarget, type Firewall, type FirewallTarget, type ListenerPorts } from './firewall.ts'
import { boxChanges, flowChanges } from './nftables-elements.ts'
import { baseChanges, replaceRules } from './nftables-rules.ts'

/** Makes the table, without anything in it. Throws what the kernel refuses: it shows whether this form works. */
export function openNftables(numbers: Numbers, ports: ListenerPorts): Firewall {
  const table = openOwnerTable({ name: numbers.table })
  try {
    table.commit(baseChanges(numbers, ports))
  } catch (error) {
    table.close()
    throw error
  }
  return new NftablesFirewall(table, numbers, ports)
}

class NftablesFirewall implements Firewall {
  readonly form = 'nftables'
  readonly #table: OwnerTable
  readonly #numbers: Numbers
  readonly #ports: ListenerPorts
  #target: FirewallTarget = emptyTarget

  constructor(table: OwnerTable, numbers: Numbers, ports: ListenerPorts) {
    this.#table = table
    this.#numbers = numbers
    this.#ports = ports
  }

  async update(target: FirewallTarget): Promise<void> {
    this.#table.commit(this.#changesTo(target))
    this.#target = target
  }

  /** The kernel lets nobody else change the table. */
  async repair(): Promise<boolean> {
    return false
  }

  async close(): Promise<void> {
    this.#table.close()
  }

  #changesTo(target: FirewallTarget): NftChange[] {
    const before = this.#target
    const flows = compareFlows(before.lingering, target.lingering)
    const guardReplies = mayMeetReplies(target.claims.values())
    const { renewed, changes } = boxChanges(before.boxes, target.boxes)
    const rulesStay = renewed.length === 0 && guardReplies === mayMeetReplies(before.claims.values())
    return [
      ...(rulesStay ? [] : replaceRules(this.#numbers, this.#ports, { guardReplies, renewed })),
      ...flowChanges(deleteElements, flows.removed),
      ...flowChanges(addElements, flows.added),
      ...changes,
    ]
  }
}

function compareFlows(before: readonly LingeringFlow[], after: readonly LingeringFlow[]) {
  const was = new Map(before.map((flow) => [flowKey(flow), flow]))
  const is = new Map(after.map((flow) => [flowKey(flow), flow]))
  return {
    added: [...is].flatMap(([key, flow]) => (was.has(key) ? [] : [flow])),
    removed: [...was].flatMap(([key, flow]) => (is.has(key) ? [] : [flow])),
  }
}
