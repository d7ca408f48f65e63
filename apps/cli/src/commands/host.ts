import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

export const defineHost: DefineCommand = (program, run) => {
  const command = program.command('host').description('host services that the identity may bind; intercept nothing')
  addExamples(command, ['ziti-tunnel host -i server.json', 'ziti-tunnel host --identity-dir /etc/ziti/identities'])
  command.action(() =>
    runLong(run, 'host', async (session, signal) => {
      const { startHost } = await import('../modes/host.ts')
      return startHost(session, signal)
    }),
  )
}
