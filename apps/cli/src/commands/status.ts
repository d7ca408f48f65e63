import type { DefineCommand } from './command.ts'
import { addExamples } from './command.ts'

export const defineStatus: DefineCommand = (program, run) => {
  const command = program
    .command('status')
    .description('show identities, services, listeners, DNS and counters of the tunnelers that run on this host')
    .option('--json', 'print all of it as JSON')
  addExamples(command, ['sudo ziti-tunnel status', 'sudo ziti-tunnel status --json'])
  command.action(({ json }: { json?: boolean }) =>
    run(async (session) => {
      const { showStatus } = await import('../status/show-status.ts')
      return showStatus(session, { json: json === true })
    }),
  )
}
