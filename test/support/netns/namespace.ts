import { spawn, spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { run, start, type Finished, type Running } from '../programs.ts'

/** A network and mount namespace of its own: what is done in it never reaches this machine. */
export interface Namespace {
  readonly pid: number
  run(command: string, parameters?: readonly string[], options?: Parameters<typeof run>[2]): Promise<Finished>
  /** As `run`, and fails unless the program ends with 0. Gives its standard output. */
  must(command: string, ...parameters: readonly string[]): Promise<string>
  start(command: string, parameters: readonly string[], options?: Parameters<typeof start>[2]): Running
  close(): Promise<void>
}

/** Longer than any test: what a killed test run leaves behind ends by itself. */
const holderSeconds = 900

/** In a container root may not make namespaces either. */
export const hasNamespaces = process.getuid?.() === 0 && spawnSync('unshare', ['--net', '--mount', 'true']).status === 0

if (!hasNamespaces) console.warn('tests of hosts are skipped: they need root, and the privilege to make namespaces')

export async function createNamespace(): Promise<Namespace> {
  const holder = spawn('unshare', ['--net', '--mount', '--propagation', 'private', '--', 'sleep', String(holderSeconds)], { stdio: 'ignore' })
  const gone = new Promise<void>((resolve) => holder.on('close', () => resolve()))
  const pid = holder.pid ?? 0
  await inNamespaces(pid)
  const enter = ['-t', String(pid), '--net', '--mount', '--wd=/', '--']
  const space: Namespace = {
    pid,
    run: (command, parameters = [], options) => run('nsenter', [...enter, command, ...parameters], options),
    start: (command, parameters, options) => start('nsenter', [...enter, command, ...parameters], options),
    async must(command, ...parameters) {
      const { code, stdout, stderr } = await space.run(command, parameters)
      if (code !== 0) throw new Error(`${command} ${parameters.join(' ')}: ${stderr || stdout || `code ${code}`}`)
      return stdout
    },
    async close() {
      holder.kill('SIGKILL')
      await gone
    },
  }
  await space.must('ip', 'link', 'set', 'lo', 'up')
  return space
}

/** `unshare` is itself in the old namespaces for its first instants. */
async function inNamespaces(pid: number): Promise<void> {
  const ours = { net: readlinkSync('/proc/self/ns/net'), mnt: readlinkSync('/proc/self/ns/mnt') }
  for (let attempt = 0; attempt < 400; attempt++) {
    const theirs = (name: string): string => readlinkSync(`/proc/${pid}/ns/${name}`)
    const name = readlinkSync(`/proc/${pid}/exe`)
    if (theirs('net') !== ours.net && theirs('mnt') !== ours.mnt && name.endsWith('sleep')) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('no namespaces of our own: is this root?')
}

/** A cable between two namespaces, without link-local addresses: those appear some seconds later, and a dump of the host would differ. */
export async function joinNamespaces(left: Namespace, leftName: string, right: Namespace, rightName: string): Promise<void> {
  await left.must('ip', 'link', 'add', leftName, 'type', 'veth', 'peer', 'name', rightName, 'netns', String(right.pid))
  await left.must('ip', 'link', 'set', leftName, 'addrgenmode', 'none', 'up')
  await right.must('ip', 'link', 'set', rightName, 'addrgenmode', 'none', 'up')
}

/** Without duplicate address detection an IPv6 address can be used at once. */
export async function addAddress(space: Namespace, device: string, cidr: string): Promise<void> {
  const family = cidr.includes(':') ? ['-6'] : []
  await space.must('ip', ...family, 'addr', 'add', cidr, 'dev', device, ...(cidr.includes(':') ? ['nodad'] : []))
}
