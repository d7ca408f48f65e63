import type { ExitCode } from '../exit-codes.ts'
import { exitCodes } from '../exit-codes.ts'
import { formatJson } from '../log/escape.ts'
import { wantsColours } from '../log/create-log.ts'
import type { Session } from '../session.ts'
import type { Check } from './check.ts'
import { checkHost } from './check-host.ts'
import { checkIdentities } from './check-identities.ts'
import { checkNetwork } from './check-network.ts'
import { renderChecks } from './render-checks.ts'

/** Looks at everything that `run` needs, changes nothing, and says what to do where something is missing. */
export async function runDoctor(session: Session, { json }: { json: boolean }): Promise<ExitCode> {
  const [host, network] = await Promise.all([checkHost(session), checkAllNetworks(session)])
  const checks = [...host, ...network]
  const { stdout, environment } = session.terminal
  if (json) stdout.write(formatJson(checks))
  else stdout.write(renderChecks(checks, { colours: wantsColours(stdout, environment), ...(stdout.columns !== undefined && { width: stdout.columns }) }))
  return checks.some(({ state }) => state === 'fail') ? exitCodes.fatal : exitCodes.ok
}

async function checkAllNetworks(session: Session): Promise<Check[]> {
  const { checks, identities } = await checkIdentities(session)
  const networks = await Promise.all(identities.map((identity) => checkNetwork(session, identity)))
  return [...checks, ...networks.flat()]
}
