import type { ExitCode } from '../exit-codes.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Running } from '../lifetime.ts'
import type { Session } from '../session.ts'
import { playShow, showCommands } from './show.ts'
import type { Stage } from './stage.ts'
import { createStage } from './stage.ts'
import type { DemoWorld } from './world.ts'
import { openDemoWorld } from './world.ts'

export interface DemoArguments {
  /** End after the show, with its result as exit code. */
  readonly once: boolean
}

/** The whole thing on one machine: for a first look, and as a smoke test of an installation. */
export async function startDemo(session: Session, signal: AbortSignal, { once }: DemoArguments): Promise<Running> {
  const stage = createStage(session.terminal)
  stage.line(`\n  ${stage.paint('bold', 'ziti-tunnel demo')}: a whole Ziti network, on this machine, for as long as this runs\n`)
  const world = await openDemoWorld(stage, complaintsOf(session))
  return { ended: play(stage, world, once, signal), stop: () => world.close() }
}

async function play(stage: Stage, world: DemoWorld, once: boolean, signal: AbortSignal): Promise<ExitCode> {
  const right = await playShow(stage, world, signal)
  if (once || signal.aborted) return right ? exitCodes.ok : exitCodes.fatal
  showCommands(stage, world)
  return new Promise(() => {}) // until a signal
}

/** The show tells what happens; other lines between are for those who ask for them. */
function complaintsOf({ log, options }: Session): Session['log'] {
  return (severity, ...rest) => {
    if (options.verbose || (severity !== 'info' && severity !== 'debug')) log(severity, ...rest)
  }
}
