import type { DefineCommand } from './command.ts'
import { withIdentity } from '../session.ts'
import { addExamples } from './command.ts'

export const defineDoctor: DefineCommand = (program, run) => {
  const command = program
    .command('doctor')
    .description('check what interception needs of this host and of the network, and say what to do where it fails')
    .argument('[identity.json]', 'identity file; wins over --identity')
    .option('--json', 'print the checks as JSON')
  addExamples(command, ['sudo ziti-tunnel doctor', 'sudo ziti-tunnel doctor ziti.json', 'sudo ziti-tunnel doctor -i ziti.json --json'])
  command.action((identity: string | undefined, { json }: { json?: boolean }) =>
    run(async (session) => {
      const { runDoctor } = await import('../doctor/doctor.ts')
      return runDoctor(withIdentity(session, identity), { json: json === true })
    }),
  )
}
