import { withIdentity } from '../session.ts'
import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

export const defineTproxy: DefineCommand = (program, run) => {
  const command = program
    .command('tproxy')
    .description('intercept connections to services by their addresses (Linux), and host services too')
    .argument('[identity.json]', 'identity file; wins over --identity')
  addExamples(command, [
    'sudo ziti-tunnel tproxy --configure-resolver ziti.json',
    'sudo ziti-tunnel tproxy --resolver udp://10.0.0.1:53 --lanIf eth1 ziti.json',
    'sudo ziti-tunnel tproxy --plan ziti.json',
  ])
  command.action((identity: string | undefined) =>
    runLong(run, 'tproxy', async (session, signal) => {
      const { startTproxy } = await import('../modes/tproxy.ts')
      return startTproxy(withIdentity(session, identity), signal)
    }),
  )
}
