import type { DefineCommand } from './command.ts'
import { addExamples } from './command.ts'

export const defineHost: DefineCommand = (program, run) => {
  const command = program.command('host').description('host services that the identity may bind; intercept nothing')
  addExamples(command, ['ziti-tunnel host -i server.json', 'ziti-tunnel host --identity-dir /etc/ziti/identities'])
  command.action(() =>
    run(async (session) => {
      const { runHost } = await import('../modes/host.ts')
      return runHost(session)
    }),
  )
}
