#!/usr/bin/env node
import { existsSync } from 'node:fs'
import module from 'node:module'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import v8 from 'node:v8'

// `engines` only warns at installation, and an older Node fails later, with a stack trace.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`ziti-tunnel needs Node 22.19 or newer, and this is ${process.versions.node}: install a newer Node.\n`)
  process.exit(1)
}

const main = new URL('../dist/main.js', import.meta.url)
if (!existsSync(main)) {
  process.stderr.write('ziti-tunnel is not built yet: run `npx --yes pnpm@12 run build` in the root of the clone.\n')
  process.exit(1)
}

// Compiled code is kept for the next start. Not in Node's default place below /tmp, where another user could leave
// code for a tunneler that runs as root; and by the user's home in the passwd file, not by $HOME, which sudo may keep.
try {
  const cache = process.platform === 'win32' ? 'AppData/Local' : process.platform === 'darwin' ? 'Library/Caches' : '.cache'
  module.enableCompileCache?.(join(userInfo().homedir, cache, 'ziti-tunnel', 'compile-cache'))
} catch {
  // A user without an entry in the passwd file (common in containers) starts a little slower.
}
// What passes through lives outside V8's heap; its young generation, left alone, grows to 32 MiB for nothing.
v8.setFlagsFromString('--semi-space-growth-factor=1')
await import(main.href)
