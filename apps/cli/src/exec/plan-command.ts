import { planCommandNamespace } from '@tunnel/linux'
import { exitCodes, type ExitCode } from '../exit-codes.ts'
import { loadIdentities } from '../identities.ts'
import { renderPlan } from '../plan/render-plan.ts'
import type { Session } from '../session.ts'
import type { ExecArguments } from './command-host.ts'
import { commandNetwork } from './command-network.ts'
import { insideAddresses } from './inside-addresses.ts'

/** `exec --plan`: prints the network that the command would have, and runs nothing. Services change nothing of it: nobody logs in. */
export async function printCommandPlan(session: Session, execArguments: ExecArguments): Promise<ExitCode> {
  await loadIdentities(session)
  const inside = insideAddresses(session.options.intercept)
  const changes = await planCommandNamespace(commandNetwork(execArguments.command, inside))
  session.terminal.stdout.write(renderPlan(changes, notesOf(execArguments, inside.dns)))
  return exitCodes.ok
}

function notesOf({ overlayOnly, hostLoopback }: ExecArguments, dns: string): string[] {
  return [
    'all this is for that command alone, in namespaces of its own; this host is left as it is',
    `names of services are answered at ${dns}, inside`,
    overlayOnly ? 'what is no service is refused' : 'what is no service is passed on by ordinary sockets of this user',
    ...(hostLoopback === undefined ? [] : [`${hostLoopback} leads to this host's loopback address`]),
  ]
}
