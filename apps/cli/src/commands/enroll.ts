import { Option } from 'commander'
import type { EnrollArguments } from '../enroll/enroll.ts'
import type { DefineCommand } from './command.ts'
import { addExamples } from './command.ts'

export const defineEnroll: DefineCommand = (program, run) => {
  const command = program
    .command('enroll')
    .description('turn a one-time enrollment token into an identity file')
    .argument('[jwt]', 'token file, - for standard input, env:NAME for a variable')
    .option('-j, --jwt <file>', 'the same as the argument')
    .option('-o, --out <file>', 'identity file to write (default: the name of the token with .json); never overwritten')
    .addOption(new Option('-a, --keyAlg <algorithm>', 'kind of key to make').choices(['EC', 'RSA']).default('EC'))
    .option('--ca <file>', 'further CA certificates (PEM) to trust, beside those of the controller')
    .option('--rm', 'remove the token file after success')
    .addOption(new Option('-n, --idname <name>', 'accepted for scripts: a one-time token names the identity itself').hideHelp())
  addExamples(command, ['ziti-tunnel enroll ziti.jwt', 'ziti-tunnel enroll -j ziti.jwt -o /etc/ziti/ziti.json --rm'])
  command.action((argument: string | undefined, options: Omit<EnrollArguments, 'argument'>) =>
    run(async (session) => {
      const { runEnroll } = await import('../enroll/enroll.ts')
      return runEnroll(session, { argument, ...options })
    }),
  )
}
