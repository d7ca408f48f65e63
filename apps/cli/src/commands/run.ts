import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

export const defineRun: DefineCommand = (program, run) => {
  const command = program
    .command('run')
    .description('intercept by the best means of this host (Linux), and host services too')
    .argument('[identity.json]', 'identity file; wins over --identity')
  addExamples(command, [
    'sudo ziti-tunnel run --configure-resolver ziti.json',
    'sudo ziti-tunnel run --resolver file:///etc/hosts ziti.json',
    'sudo ziti-tunnel run --plan ziti.json',
  ])
  command.action((identity: string | undefined) =>
    runLong(run, 'run', async (session, signal) => {
      const { startBest } = await import('../modes/run.ts')
      return startBest(session, signal, identity)
    }),
  )
}
