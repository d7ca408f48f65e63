import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CodedError, type HostChange } from '@tunnel/flow'
import { libc } from '../ffi/libc.ts'
import { pollDescriptor } from '../ffi/poll.ts'
import { adoptTunDevice, type TunDevice } from '../tun/tun-device.ts'
import { openDescriptorChannel, receiveMessage, sendMessage, type ChannelMessage } from './descriptor-channel.ts'
import type { InsideReport, InsideSettings } from './inside-settings.ts'
import { intoNamespaces, namespaceObstacle } from './namespace-obstacle.ts'
import { planInside } from './plan-inside.ts'

export interface CommandNamespaceOptions {
  /** A program and its words. It has this process's terminal, directory and environment. */
  readonly command: readonly string[]
  /** The addresses that it has. */
  readonly v4: string
  readonly v6?: string
  /** Default 65535. */
  readonly mtu?: number
  /** Texts that it sees in the place of files of the host, by their paths, which must be there. */
  readonly files?: Readonly<Record<string, string>>
  /** Sockets of the host that it must not find; what is not there is hidden enough. */
  readonly hidden?: readonly string[]
  /** How the preparing program is started. Default: from the files of this package. */
  readonly init?: readonly string[]
}

export interface CommandEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A command that has a network of its own, behind a TUN link that ends here. */
export interface CommandNamespace {
  /** All that the command sends, and what it gets. */
  readonly device: TunDevice
  readonly ipv6: boolean
  /** Nothing of it runs before. */
  begin(): void
  readonly ended: Promise<CommandEnd>
  signal(name: NodeJS.Signals): void
}

const largestMtu = 65_535

/**
 * Makes user, network and mount namespaces in which everything leads to a TUN link, whose descriptor comes to us. The network of the host is not touched,
 * and no privilege is needed. Rejects with `linux.no-namespace`, naming the setting, where the system forbids it.
 */
export async function openCommandNamespace(options: CommandNamespaceOptions): Promise<CommandNamespace> {
  const obstacle = await namespaceObstacle()
  if (obstacle) throw obstacle
  const [ours, theirs] = openDescriptorChannel()
  const { command, init = namespaceInitCommand() } = options
  const child = spawn('unshare', [...intoNamespaces, ...init, ...command], { stdio: ['inherit', 'inherit', 'inherit', theirs] })
  libc().close(theirs)
  const ended = endOf(child)
  try {
    sendMessage(ours, JSON.stringify(settingsOf(options)))
    const message = await nextMessage(ours)
    const { device, ipv6 } = takeOver(message, options.mtu ?? largestMtu)
    let begun = false
    return {
      device,
      ipv6,
      ended,
      begin() {
        if (begun) return
        begun = true
        // It may have been killed, which `ended` tells.
        ignoringEnd(() => sendMessage(ours, 'go'))
        libc().close(ours)
      },
      signal: (name) => void child.kill(name),
    }
  } catch (error) {
    child.kill('SIGKILL')
    libc().close(ours)
    throw error
  }
}

/** What `openCommandNamespace` would make, which is nothing of the host. Rejects where that would. */
export async function planCommandNamespace(options: CommandNamespaceOptions): Promise<readonly HostChange[]> {
  const obstacle = await namespaceObstacle()
  if (obstacle) throw obstacle
  return planInside(options.command, settingsOf(options))
}

function settingsOf({ v4, v6, mtu = largestMtu, files = {}, hidden = [] }: CommandNamespaceOptions): InsideSettings {
  return { v4, ...(v6 !== undefined && { v6 }), mtu, files, hidden, user: process.getuid?.() ?? 0, group: process.getgid?.() ?? 0 }
}

function takeOver(message: ChannelMessage | undefined, mtu: number): { device: TunDevice; ipv6: boolean } {
  if (!message) throw new CodedError('linux.no-namespace', 'Cannot make a network of its own for a command: what prepares it has ended early')
  const report = JSON.parse(message.text) as InsideReport
  if (!report.ready) throw new CodedError(report.code, report.message)
  if (message.descriptor === undefined) throw new CodedError('linux.no-namespace', 'Cannot make a network of its own for a command: no descriptor came')
  return { device: adoptTunDevice(message.descriptor, { mtu }), ipv6: report.ipv6 }
}

/** `undefined` when the other end is gone. */
function nextMessage(channel: number): Promise<ChannelMessage | undefined> {
  return new Promise((resolve, reject) => {
    const poll = pollDescriptor(channel, 'readable', () => {
      setImmediate(() => {
        try {
          const message = receiveMessage(channel, { wait: false })
          if (message === 'later') return
          poll.close()
          resolve(message === 'ended' ? undefined : message)
        } catch (error) {
          poll.close()
          reject(error as Error)
        }
      })
    })
  })
}

function endOf(child: ChildProcess): Promise<CommandEnd> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: null }))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
}

function ignoringEnd(call: () => void): void {
  try {
    call()
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
  }
}

/** The script of this package: in the sources, in the package, or in a program that bundles both. */
function namespaceInitCommand(): readonly string[] {
  const inSources = import.meta.url.endsWith('.ts')
  const path = fileURLToPath(new URL(inSources ? '../namespace-init.ts' : './namespace-init.js', import.meta.url))
  return [process.execPath, ...(inSources ? ['--conditions=tunnel-source'] : []), path]
}
