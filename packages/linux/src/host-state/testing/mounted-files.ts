import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openHostState } from '../host-state.ts'
import { planFileWrite } from '../file-performers.ts'

// Runs in a mount namespace of its own: what a container may do to resolv.conf. Tells what happened as one JSON line.
const [folder = ''] = process.argv.slice(2)
const mount = (...words: string[]): void => void execFileSync('mount', words)
const host = await openHostState({ stateDirectory: join(folder, 'state'), janitor: false })
const write = (path: string): Promise<string> => host.apply([planFileWrite({ path, content: 'ours\n' })]).then(() => 'done', (error: Error) => error.message)

writeFileSync(join(folder, 'source'), 'theirs\n')
writeFileSync(join(folder, 'bound'), '')
mount('--bind', join(folder, 'source'), join(folder, 'bound'))

for (const name of ['readonly', 'half']) {
  mkdirSync(join(folder, name))
  mount('-t', 'tmpfs', 'tmpfs', join(folder, name))
  writeFileSync(join(folder, name, 'resolv.conf'), 'theirs\n')
}
// In `half` the file alone is mounted writable, in a directory that is not.
mount('--bind', join(folder, 'source'), join(folder, 'half', 'resolv.conf'))
for (const name of ['readonly', 'half']) mount('-o', 'remount,ro,bind', join(folder, name))

const outcomes = {
  bound: await write(join(folder, 'bound')),
  boundContent: readFileSync(join(folder, 'source'), 'utf8'),
  readonly: await write(join(folder, 'readonly', 'resolv.conf')),
}
const inode = statSync(join(folder, 'bound')).ino
await host.restore()
const again = await openHostState({ stateDirectory: join(folder, 'state'), janitor: false })
const half = await again.apply([planFileWrite({ path: join(folder, 'half', 'resolv.conf'), content: 'ours\n' })]).then(() => 'done', String)
const halfContent = readFileSync(join(folder, 'half', 'resolv.conf'), 'utf8')
await again.restore()
const kept = statSync(join(folder, 'bound')).ino === inode
process.stdout.write(JSON.stringify({ ...outcomes, half, halfContent, kept, after: readFileSync(join(folder, 'source'), 'utf8') }))
