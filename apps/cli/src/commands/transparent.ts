import { CodedError } from '@tunnel/flow'
import type { DefineCommand } from './command.ts'

/** Modes of the original that this version does not have: named, so that nobody has to guess from `unknown command`. */
const missingModes = ['tproxy', 'tun'] as const

export const defineMissingModes: DefineCommand = (program, run) => {
  for (const mode of missingModes) {
    const command = program.command(mode, { hidden: true }).description('not available in this version')
    command.allowUnknownOption().allowExcessArguments()
    command.action(() =>
      run(async () => {
        throw new CodedError('usage.mode', `transparent interception (${mode}) is not available in this version; use 'proxy' for local ports or 'host' to host`)
      }),
    )
  }
}
