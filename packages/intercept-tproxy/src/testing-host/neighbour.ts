import { spawn, execFileSync, type ChildProcess } from 'node:child_process'
import { readlinkSync } from 'node:fs'

/** Another host on the other end of `up0`, with a way through this one. */
export interface Neighbour {
  readonly v4: string
  readonly v6: string
  run(program: string, ...words: string[]): string
  start(program: string, ...words: string[]): ChildProcess
  close(): void
}

export async function addNeighbour(): Promise<Neighbour> {
  const holder = spawn('unshare', ['--net', '--', 'sleep', '300'], { stdio: 'ignore' })
  const pid = String(holder.pid)
  const ours = readlinkSync('/proc/thread-self/ns/net')
  for (let turn = 0; readlinkSync(`/proc/${pid}/ns/net`) === ours || !readlinkSync(`/proc/${pid}/exe`).endsWith('sleep'); turn++) {
    if (turn === 400) throw new Error('no namespace')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const started: ChildProcess[] = [holder]
  const enter = ['-t', pid, '--net', '--']
  const run = (program: string, ...words: string[]): string =>
    execFileSync('nsenter', [...enter, program, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 10_000 })
  execFileSync('ip', ['link', 'set', 'up1', 'netns', pid])
  const neighbour = { v4: '192.0.2.77', v6: '2001:db8::77' }
  for (const words of [
    'link set lo up',
    'link set up1 up',
    `addr add ${neighbour.v4}/24 dev up1`,
    `-6 addr add ${neighbour.v6}/64 dev up1 nodad`,
    'route add default via 192.0.2.1',
    '-6 route add default via 2001:db8::1',
  ]) {
    run('ip', ...words.split(' '))
  }
  return {
    ...neighbour,
    run,
    start(program, ...words) {
      const child = spawn('nsenter', [...enter, program, ...words], { stdio: ['pipe', 'pipe', 'inherit'] })
      started.push(child)
      return child
    },
    close: () => started.forEach((child) => child.kill('SIGKILL')),
  }
}
