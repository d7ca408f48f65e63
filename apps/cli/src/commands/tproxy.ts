import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

export const defineTproxy: DefineCommand = (program, run) => {
  const command = program
    .command('tproxy')
    .description('intercept connections to services by their addresses (Linux), and host services too')
  addExamples(command, [
    'sudo ziti-tunnel tproxy -i ziti.json --configure-resolver',
    'sudo ziti-tunnel tproxy -i ziti.json --resolver udp://10.0.0.1:53 --lanIf eth1',
    'sudo ziti-tunnel tproxy -i ziti.json --plan',
  ])
  command.action(() =>
    runLong(run, 'tproxy', async (session, signal) => {
      const { startTproxy } = await import('../modes/tproxy.ts')
      return startTproxy(session, signal)
    }),
  )
}
