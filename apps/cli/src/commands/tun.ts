import { CodedError } from '@tunnel/flow'
import type { DefineCommand } from './command.ts'

/** A mode of the original that this version does not have: named, so that nobody has to guess from `unknown command`. */
export const defineTun: DefineCommand = (program, run) => {
  const command = program.command('tun', { hidden: true }).description('not available in this version')
  command.allowUnknownOption().allowExcessArguments()
  command.action(() =>
    run(async () => {
      throw new CodedError('usage.mode', "interception by a TUN device (tun) is not available in this version; use 'run' or 'tproxy', or 'proxy' for local ports")
    }),
  )
}
