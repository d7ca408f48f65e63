import { CodedError } from '@tunnel/flow'
import type { Command } from 'commander'
import { exitCodes } from '../exit-codes.ts'
import type { DefineCommand } from './command.ts'
import { addExamples } from './command.ts'

/** Beside the commands' own help, the table of error codes: a code stands in each line about a failure. */
export const defineHelp: DefineCommand = (program, run) => {
  const command = program
    .command('help')
    .description("show the help of a command; 'errors': what each error code means, and what to do")
    .argument('[topic]', "name of a command, or 'errors'")
  addExamples(command, ['ziti-tunnel help proxy', 'ziti-tunnel help errors'])
  command.action((topic: string | undefined) =>
    run(async ({ terminal }) => {
      if (topic === 'errors') terminal.stdout.write(await formatErrorGuide())
      else if (topic === undefined) program.outputHelp()
      else commandNamed(program, topic).outputHelp()
      return exitCodes.ok
    }),
  )
}

function commandNamed(program: Command, name: string): Command {
  const found = program.commands.find((command) => command.name() === name)
  if (found !== undefined) return found
  const topics = program.createHelp().visibleCommands(program).map((command) => command.name())
  throw new CodedError('usage.help', `there is no help on '${name}', only on ${topics.join(', ')} and errors`)
}

async function formatErrorGuide(): Promise<string> {
  const { errorGuide } = await import('@tunnel/core')
  const entries = Object.entries(errorGuide).map(([code, { meaning, next }]) => `${code}\n  ${meaning}.\n  ${next}.\n`)
  const head = 'What each error code means, and what to do. A code that is not listed belongs to its family: channel.lost to channel.\n'
  return [head, ...entries.toSorted()].join('\n')
}
