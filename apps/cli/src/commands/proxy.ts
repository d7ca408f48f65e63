import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

export const defineProxy: DefineCommand = (program, run) => {
  const command = program
    .command('proxy')
    .description('listen on a local port for each named service; no root needed')
    .argument('[service:port[:protocol]...]', 'services to listen for; protocol is tcp (default) or udp; without any, proxy.v1 configs only')
    .option('--bind <address>', 'address that the listeners bind to', '0.0.0.0')
  addExamples(command, [
    'ziti-tunnel --identity ziti.json proxy wttr.in:8443 ssh:2222 dns:5353:udp',
    'ziti-tunnel proxy db:5432 -i ziti.json --bind 127.0.0.1',
  ])
  command.action((specs: string[], { bind }: { bind: string }) =>
    runLong(run, 'proxy', async (session, signal) => {
      const { startProxy } = await import('../modes/proxy.ts')
      return startProxy(session, signal, { specs, bind })
    }),
  )
}
