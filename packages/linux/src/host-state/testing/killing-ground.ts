import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { replayJournals } from '../../journal/replay.ts'

// Runs in a network and a mount namespace of its own. Starts victims, kills them, and tells how long it took until
// the host was as before, one JSON line a round.
const [folder = '', rounds = '1', how = 'process', seed = '1'] = process.argv.slice(2)
const files = join(folder, 'etc')
const stateDirectory = join(folder, 'state')
const patience = 5000

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))
const run = (file: string, ...words: string[]): string => execFileSync(file, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

function prepareHost(): void {
  run('ip', 'link', 'set', 'lo', 'up')
  mkdirSync(files)
  writeFileSync(join(files, 'plain'), 'plain before\n', { mode: 0o640 })
  writeFileSync(join(files, 'target'), 'target before\n')
  symlinkSync('target', join(files, 'link'))
  writeFileSync(join(files, 'mounted'), '')
  writeFileSync(join(folder, 'source'), 'mounted before\n'.repeat(50))
  run('mount', '--bind', join(folder, 'source'), join(files, 'mounted'))
}

function dump(): string {
  const network = [['rule'], ['-6', 'rule'], ['route', 'show', 'table', 'all'], ['-6', 'route', 'show', 'table', 'all']].map((words) => run('ip', ...words))
  const rules = run('nft', 'list', 'ruleset')
  const seen = readdirSync(files).sort().map((name) => {
    const stat = lstatSync(join(files, name))
    const what = stat.isSymbolicLink() ? readlinkSync(join(files, name)) : readFileSync(join(files, name), 'utf8')
    return [name, stat.mode.toString(8), stat.uid, Math.round(stat.mtimeMs), what].join(' ')
  })
  return [...network, rules, ...seen].join('\n')
}

async function startVictim(round: number): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('victim.ts', import.meta.url))
  const words = ['--conditions=tunnel-source', script, stateDirectory, files, String(Number(seed) * 1000 + round)]
  const victim = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  if (victim.stdout) await once(victim.stdout, 'data')
  return victim
}

function childrenOf(pid: number): number[] {
  return run('ps', '-o', 'pid=', '--ppid', String(pid)).trim().split(/\s+/).filter((each) => each !== '').map(Number)
}

async function kill(victim: ChildProcess): Promise<void> {
  const pid = victim.pid ?? 0
  const gone = once(victim, 'exit')
  if (how === 'group') process.kill(-pid, 'SIGKILL')
  else if (how === 'janitor') {
    // Both stop first: neither may see the other die.
    process.kill(pid, 'SIGSTOP')
    for (const each of [...childrenOf(pid), pid]) process.kill(each, 'SIGKILL')
  } else process.kill(pid, 'SIGKILL')
  await gone
  if (how === 'janitor' || how === 'replay') await replayJournals(stateDirectory)
}

prepareHost()
const before = dump()
for (let round = 0; round < Number(rounds); round++) {
  const victim = await startVictim(round)
  await pause((round * 37 + Number(seed) * 53) % 400)
  const since = performance.now()
  await kill(victim)
  // The last thing that goes is the journal. To look at the whole host again and again would take the time that is measured.
  const remains = (): string[] => readdirSync(stateDirectory).filter((name) => name !== 'janitor.log')
  while (remains().length > 0 && performance.now() - since < patience) await pause(5)
  const milliseconds = Math.round(performance.now() - since)
  const after = dump()
  const difference = after === before ? '' : `${before}\n=== became ===\n${after}`
  process.stdout.write(`${JSON.stringify({ round, milliseconds, difference, remains: remains() })}\n`)
}
