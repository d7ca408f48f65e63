import type { DefineCommand } from './command.ts'
import { addExamples } from './command.ts'

export const defineCleanup: DefineCommand = (program, run) => {
  const command = program
    .command('cleanup')
    .description('undo what tunnelers that were killed have left on this host; the next start does it by itself')
    .option('--dry-run', 'only say what would be undone')
  addExamples(command, ['sudo ziti-tunnel cleanup', 'sudo ziti-tunnel cleanup --dry-run'])
  command.action(({ dryRun }: { dryRun?: boolean }) =>
    run(async (session) => {
      const { runCleanup } = await import('../modes/cleanup.ts')
      return runCleanup(session, { dryRun: dryRun === true })
    }),
  )
}
