import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

export const defineRun: DefineCommand = (program, run) => {
  const command = program
    .command('run')
    .description('choose the best interceptor of this host, and host services too')
    .argument('[identity.json]', 'identity file; wins over --identity')
  addExamples(command, ['ziti-tunnel run ziti.json', 'ziti-tunnel run -i ziti.json --svcPollRate 60'])
  command.action((identity: string | undefined) =>
    runLong(run, 'run', async (session, signal) => {
      const { startBest } = await import('../modes/run.ts')
      return startBest(session, signal, identity)
    }),
  )
}
