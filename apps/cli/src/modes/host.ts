import { startTunneler } from '../compose.ts'
import type { ExitCode } from '../exit-codes.ts'
import { runUntilStopped } from '../lifetime.ts'
import type { Session } from '../session.ts'

/** Offers the services that the identities may bind; takes no connections of this host. */
export function runHost(session: Session): Promise<ExitCode> {
  return runUntilStopped(session, {
    source: 'ziti-tunnel/subcmd.host',
    start: (signal) => startTunneler(session, signal, async () => ({})),
  })
}
