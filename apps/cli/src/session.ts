import type { ProgramLog } from './log/create-log.ts'
import type { GlobalOptions } from './options/global-options.ts'
import type { Terminal } from './terminal.ts'

/** What every command is given. */
export interface Session {
  readonly options: GlobalOptions
  /** Name of the command: `run`. */
  readonly command: string
  /** The command line as it was given. */
  readonly argv: readonly string[]
  readonly log: ProgramLog
  readonly terminal: Terminal
}

/** An identity that is an argument of the command wins over `--identity`, as in the original. */
export function withIdentity(session: Session, identity: string | undefined): Session {
  return identity === undefined ? session : { ...session, options: { ...session.options, identities: [identity] } }
}
