import { isIP } from 'node:net'
import { CodedError } from '@tunnel/flow'
import { InvalidArgumentError } from 'commander'
import type { DefineCommand } from './command.ts'
import { addExamples } from './command.ts'

function parseAddress(text: string): string {
  if (isIP(text) === 0 || /^(127\.|0\.|::1?$)/.test(text)) throw new InvalidArgumentError('It must be an IP address that is not loopback, like 10.0.2.2.')
  return text
}

interface ExecOptions {
  readonly overlayOnly?: boolean
  readonly hostLoopback?: string
}

/** `words` are the command: they are taken out of the command line before anything else is read of it. */
export const defineExec =
  (words: readonly string[]): DefineCommand =>
  (program, run) => {
    const command = program
      .command('exec')
      .description('run one command that reaches services (Linux); no root needed, and the host is left as it is')
      .usage('[options] [--] COMMAND [ARGUMENT...]')
      .option('--overlay-only', 'what is no service is refused, instead of passed on by ordinary sockets')
      .option('--host-loopback <address>', "the address that leads to this host's 127.0.0.1 (::1); the command's own loopback is its own", parseAddress)
    addExamples(command, [
      'ziti-tunnel exec -i ziti.json -- psql -h db.corp.ziti',
      'ziti-tunnel exec -i ziti.json curl http://web.ziti',
      'ziti-tunnel exec -i ziti.json --host-loopback 10.0.2.2 -- sh',
    ])
    command.addHelpText('after', '\nThe exit code is that of the command: 127 when there is no such, 126 when it cannot be run, 128 and the number of the signal that ended it.')
    command.action(({ overlayOnly = false, hostLoopback }: ExecOptions) =>
      run(async (session) => {
        if (words.length === 0) throw new CodedError('usage.command', "exec needs a command: 'ziti-tunnel exec -i ziti.json -- curl http://web.ziti'")
        const { runCommand } = await import('../exec/run-command.ts')
        return runCommand(session, { command: words, overlayOnly, hostLoopback })
      }),
    )
  }
