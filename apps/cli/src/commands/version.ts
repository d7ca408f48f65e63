import { exitCodes } from '../exit-codes.ts'
import { readVersion } from '../version.ts'
import type { DefineCommand } from './command.ts'
import { addExamples } from './command.ts'

export const defineVersion: DefineCommand = (program, run) => {
  const command = program.command('version').description('print the version')
  addExamples(command, ['ziti-tunnel version', 'ziti-tunnel version --verbose'])
  command.action(() =>
    run(async ({ options, terminal }) => {
      const details = options.verbose ? ` (node ${process.version}, ${process.platform} ${process.arch})` : ''
      terminal.stdout.write(`ziti-tunnel ${readVersion()}${details}\n`)
      return exitCodes.ok
    }),
  )
}
