import type { ExitCode } from '../exit-codes.ts'
import { exitCodes } from '../exit-codes.ts'
import { runUntilStopped } from '../lifetime.ts'
import type { Session } from '../session.ts'
import { openDemoWorld } from './world.ts'
import { playShow, showCommands } from './show.ts'
import { createStage } from './stage.ts'

export interface DemoArguments {
  /** End after the show, with its result as exit code. */
  readonly once: boolean
}

/** The whole thing on one machine: for a first look, and as a smoke test of an installation. */
export function runDemo(session: Session, { once }: DemoArguments): Promise<ExitCode> {
  const stage = createStage(session.terminal)
  // The show tells what happens; log lines between are for those who ask for them, and for what goes wrong.
  const log: Session['log'] = (severity, ...rest) => {
    if (severity !== 'info' || session.options.verbose) session.log(severity, ...rest)
  }
  return runUntilStopped(
    { ...session, log },
    {
      source: 'ziti-tunnel/subcmd.demo',
      async start(signal) {
        stage.line(`\n  ${stage.paint('bold', 'ziti-tunnel demo')}: a whole Ziti network, on this machine, for as long as this runs\n`)
        const world = await openDemoWorld(stage, log)
        const show = playShow(stage, world).then((right) => {
          const code = right ? exitCodes.ok : exitCodes.fatal
          if (once || signal.aborted) return code
          showCommands(stage, world)
          return new Promise<ExitCode>(() => {})
        })
        return { ended: show, stop: () => world.close() }
      },
    },
  )
}
