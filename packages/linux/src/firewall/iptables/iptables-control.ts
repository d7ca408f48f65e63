import type { CodedError } from '@tunnel/flow'
import { firewallError } from '../firewall-error.ts'
import { findProgram } from './find-program.ts'
import { runProgram, type ProgramResult } from './run-program.ts'
import type { IptablesTable } from './restore-text.ts'

export type IpFamily = 4 | 6

/** The host's iptables programs. Each call is one child process. */
export interface IptablesControl {
  /**
   * Makes the changes of a text of `renderRestore`, all or none for each table in it. Throws `firewall.refused` with the line in
   * `detail.line`, or `firewall.permission`.
   */
  apply(family: IpFamily, text: string): Promise<void>
  /** Whether it would take the text. Changes nothing. Throws as `apply` does. */
  test(family: IpFamily, text: string): Promise<void>
  /** The lines of `iptables-save` of one table: `:CHAIN POLICY [0:0]`, `-A CHAIN …`. */
  list(family: IpFamily, table: IptablesTable): Promise<string[]>
}

export interface IptablesOptions {
  /** Where programs are looked for; default `$PATH`. */
  readonly path?: string
  /** Takes `iptables-nft-restore` or `iptables-legacy-restore` instead of what the host has chosen. */
  readonly variant?: 'nft' | 'legacy'
}

/** Another program may hold the lock of the tables: so long iptables waits for it, and so long it may run in all. */
const lockWaitSeconds = 5
const runTimeout = 60_000

/** Throws `firewall.unsupported` with the words of the original when the host has no iptables. */
export function openIptables(options: IptablesOptions = {}): IptablesControl {
  findFor(4, '', options)
  return new ProgramIptables(options)
}

class ProgramIptables implements IptablesControl {
  readonly #options: IptablesOptions

  constructor(options: IptablesOptions) {
    this.#options = options
  }

  apply(family: IpFamily, text: string): Promise<void> {
    return this.#restore(family, text, [])
  }

  test(family: IpFamily, text: string): Promise<void> {
    return this.#restore(family, text, ['--test'])
  }

  async #restore(family: IpFamily, text: string, words: readonly string[]): Promise<void> {
    const file = findFor(family, '-restore', this.#options)
    const result = await runProgram(file, ['-w', String(lockWaitSeconds), '--noflush', ...words], text, runTimeout)
    if (result.status !== 0) throw refusal(file, result, text)
  }

  async list(family: IpFamily, table: IptablesTable): Promise<string[]> {
    const file = findFor(family, '-save', this.#options)
    const result = await runProgram(file, ['-t', table], '', runTimeout)
    if (result.status !== 0) throw refusal(file, result, '')
    return result.output.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  }
}

/** The text is the one that the original writes, from Go's os/exec: people search for it. */
function findFor(family: IpFamily, suffix: string, { path, variant }: IptablesOptions): string {
  const name = `${family === 4 ? 'iptables' : 'ip6tables'}${variant ? `-${variant}` : ''}${suffix}`
  const file = findProgram(name, path)
  if (file !== undefined) return file
  throw firewallError(
    'firewall.unsupported',
    `failed to initialize iptables handle: exec: "${name}": executable file not found in $PATH`,
    { program: name },
  )
}

function refusal(file: string, { status, errors }: ProgramResult, text: string): CodedError {
  const said = errors.replaceAll(/\s*\n\s*/g, ' ').replace(/ ?Try `.*$/, '').trim()
  const number = Number(/line:? (\d+)/.exec(said)?.[1] ?? Number.NaN)
  const line = text.split('\n')[number - 1]
  const where = line === undefined ? '' : ` (line ${number}: ${line.slice(0, 300)})`
  const reason = said || (status === null ? 'it did not end in time' : `it ended with status ${status}`)
  const code = /permission denied|must be root/i.test(said) ? 'firewall.permission' : 'firewall.refused'
  return firewallError(code, `${file}: ${reason}${where}`, { line, status: status ?? undefined })
}
