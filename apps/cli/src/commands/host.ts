import { withIdentity } from '../session.ts'
import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

export const defineHost: DefineCommand = (program, run) => {
  const command = program
    .command('host')
    .description('host services that the identity may bind; intercept nothing')
    .argument('[identity.json]', 'identity file; wins over --identity')
  addExamples(command, ['ziti-tunnel host server.json', 'ziti-tunnel host --identity-dir /etc/ziti/identities'])
  command.action((identity: string | undefined) =>
    runLong(run, 'host', async (session, signal) => {
      const { startHost } = await import('../modes/host.ts')
      return startHost(withIdentity(session, identity), signal)
    }),
  )
}
