import { spawn } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { CodedError } from '@tunnel/flow'
import { asUser } from './inside-settings.ts'

/** How a fresh set of namespaces is entered, as their root. */
export const intoNamespaces: readonly string[] = ['--user', '--map-root-user', '--net', '--mount', '--propagation', 'private', '--']

export interface ObstacleProbe {
  /** A sysctl by its path below /proc/sys; `undefined` where this kernel has none such. */
  readonly setting: (path: string) => string | undefined
  /** `ok`, or the name of the system error. */
  readonly openTun: () => string
  /** Tries the namespaces: what `unshare` said, empty when it worked, `undefined` when there is no such program. */
  readonly unshare: () => Promise<string | undefined>
}

/** Why this system gives this user no network of his own, naming the setting; `undefined` when it does. */
export async function namespaceObstacle(probe: ObstacleProbe = systemProbe()): Promise<CodedError | undefined> {
  const said = await probe.unshare()
  if (said === undefined) return obstacle("there is no program 'unshare'. Install util-linux")
  if (said !== '') return obstacle(whyForbidden(probe.setting, said))
  const tun = probe.openTun()
  if (tun === 'ok') return undefined
  if (tun === 'ENOENT' || tun === 'ENODEV') return obstacle("there is no /dev/net/tun. Load it with 'sudo modprobe tun', or give it to the container with '--device /dev/net/tun'")
  return obstacle(`/dev/net/tun cannot be opened by this user (${tun}). Its usual mode is 0666: 'sudo chmod 0666 /dev/net/tun'`)
}

function whyForbidden(setting: ObstacleProbe['setting'], said: string): string {
  if (setting('kernel/unprivileged_userns_clone') === '0') return forbidden('kernel.unprivileged_userns_clone', '0', '1')
  for (const kind of ['user', 'net', 'mnt']) {
    if (setting(`user/max_${kind}_namespaces`) === '0') return forbidden(`user.max_${kind}_namespaces`, '0', '10000')
  }
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1') return forbidden('kernel.apparmor_restrict_unprivileged_userns', '1', '0')
  if (/unrecognized option|invalid option/.test(said)) return `this 'unshare' lacks options (${said}). Install util-linux 2.36 or newer`
  return `${said}. A container engine forbids it by its seccomp profile: '--security-opt seccomp=unconfined', or one that allows unshare and mount`
}

const forbidden = (name: string, value: string, wanted: string): string =>
  `this system forbids user namespaces by ${name} = ${value}. Allow them with 'sudo sysctl -w ${name}=${wanted}'`

const obstacle = (why: string): CodedError => new CodedError('linux.no-namespace', `Cannot make a network of its own for a command: ${why}`)

function systemProbe(): ObstacleProbe {
  return { setting: readSetting, openTun, unshare: tryNamespaces }
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, 'latin1').trim()
  } catch {
    return undefined
  }
}

function openTun(): string {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
    return 'ok'
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

/** Both steps: into the namespaces, and back to the user. */
function tryNamespaces(): Promise<string | undefined> {
  const words = [...intoNamespaces, ...asUser(process.getuid?.() ?? 0, process.getgid?.() ?? 0), 'true']
  return new Promise((resolve) => {
    const child = spawn('unshare', words, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.on('error', () => resolve(undefined))
    child.on('close', (code) => resolve(code === 0 ? '' : (said.trim().split('\n')[0] ?? '') || `unshare ended with ${code}`))
  })
}

