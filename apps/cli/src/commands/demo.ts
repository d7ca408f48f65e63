import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

export const defineDemo: DefineCommand = (program, run) => {
  const command = program
    .command('demo')
    .description('see it work: an embedded Ziti network, a hosted web server and a tunnel to it, all on this machine')
    .option('--once', 'end after the show; exit code 0 only if everything was right')
  addExamples(command, ['ziti-tunnel demo', 'ziti-tunnel demo --once'])
  command.action(({ once }: { once?: boolean }) =>
    runLong(run, 'demo', async (session, signal) => {
      const { startDemo } = await import('../demo/demo.ts')
      return startDemo(session, signal, { once: once === true })
    }),
  )
}
