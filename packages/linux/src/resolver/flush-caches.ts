import { RootedFiles } from './rooted-files.ts'
import { findResolvedProgram } from './resolved-program.ts'
import { tryProgram } from './run-program.ts'

/** Makes systemd-resolved forget old answers, so that a name that has just become ours is asked again. False where it does not run. */
export async function flushResolverCaches(): Promise<boolean> {
  const files = new RootedFiles()
  const runs = (await files.exists('/run/systemd/resolve/resolv.conf')) && (await files.exists('/run/dbus/system_bus_socket'))
  if (!runs) return false
  const program = await findResolvedProgram().catch(() => undefined)
  if (!program) return false
  return (await tryProgram(program.flush)).code === 0
}
