import { reportCrashes } from './crash.ts'
import { runProgram } from './program.ts'

reportCrashes(process)
// ps, ss and pgrep know it by its own name, not as `node` or `MainThread`.
process.title = ['ziti-tunnel', ...process.argv.slice(2)].join(' ')
const code = await runProgram(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  signals: process,
  exitNow: (code) => process.exit(code),
})
// Not only `exitCode`: a socket that some library keeps open must not keep a finished program alive.
process.stdout.write('', () => process.exit(code))
