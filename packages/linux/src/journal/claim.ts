import { bootId, currentInstance, startTime } from './instance.ts'
import type { JournalStorage } from './storage.ts'

/**
 * Who undoes a journal takes it first, by giving it a name with himself in it. A rename has one winner, so a janitor and a
 * new start never undo the same at once; and the name of one who died on the way shows that he did, so there is no lock to be
 * left over.
 */
export interface Claim {
  readonly id: string
  /** Its name now. */
  readonly name: string
}

export type JournalName =
  | { readonly state: 'recorded'; readonly id: string }
  | { readonly state: 'claimed'; readonly id: string; readonly by: Claimant }

interface Claimant {
  readonly boot: string
  readonly pidNamespace: string
  readonly pid: number
  readonly started: string
}

const recorded = /^([\w-]{1,100})\.journal$/
const claimed = /^([\w-]{1,100})\.undoing-([\da-f]{8})-(\d{1,12})-(\d{1,10})-(\d{1,20})$/

export function parseJournalName(name: string): JournalName | undefined {
  const plain = recorded.exec(name)?.[1]
  if (plain !== undefined) return { state: 'recorded', id: plain }
  const [, id, boot, pidNamespace, pid, started] = claimed.exec(name) ?? []
  if (id === undefined || boot === undefined || pidNamespace === undefined || started === undefined) return undefined
  return { state: 'claimed', id, by: { boot, pidNamespace, pid: Number(pid), started } }
}

export async function claimJournal(storage: JournalStorage, name: string): Promise<Claim | undefined> {
  const id = parseJournalName(name)?.id
  if (id === undefined) return undefined
  const { boot, pidNamespace, pid, started } = currentInstance()
  const taken = `${id}.undoing-${boot.slice(0, 8)}-${pidNamespace}-${pid}-${started}`
  return (await storage.rename(name, taken)) ? { id, name: taken } : undefined
}

/** One of another pid namespace (another container) cannot be asked; it is believed to be at work. */
export function isClaimantAlive({ boot, pidNamespace, pid, started }: Claimant): boolean {
  if (boot !== bootId().slice(0, 8)) return false
  return pidNamespace !== currentInstance().pidNamespace || startTime(pid) === started
}
