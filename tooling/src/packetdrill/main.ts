/** `node --conditions=tunnel-source tooling/src/packetdrill/main.ts FILE.pkt...`: runs scripts of the packetdrill language against @tunnel/netstack, in virtual time. */
import { readFile } from 'node:fs/promises'
import { parseScript } from './parse/parse-script.ts'
import { runScript, versionsOf } from './run/run-script.ts'
import { ScriptError } from './script-error.ts'

const files = process.argv.slice(2)
if (files.length === 0) {
  console.error('Name a script: node --conditions=tunnel-source tooling/src/packetdrill/main.ts FILE.pkt')
  process.exitCode = 2
}
for (const file of files) {
  try {
    const script = parseScript(file, await readFile(file, 'utf8'))
    for (const version of versionsOf(script)) {
      await runScript(script, version)
      console.log(`${file}: as it says, over IPv${version}`)
    }
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
