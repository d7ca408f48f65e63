import { withIdentity } from '../session.ts'
import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

export const defineTun: DefineCommand = (program, run) => {
  const command = program
    .command('tun')
    .description('intercept by a TUN link and our own TCP (Linux), with no rule of a firewall, and host services too')
    .argument('[identity.json]', 'identity file; wins over --identity')
  addExamples(command, ['sudo ziti-tunnel tun --configure-resolver ziti.json', 'sudo ziti-tunnel tun --plan ziti.json'])
  command.action((identity: string | undefined) =>
    runLong(run, 'tun', async (session, signal) => {
      const { startTun } = await import('../modes/tun.ts')
      return startTun(withIdentity(session, identity), signal)
    }),
  )
}
