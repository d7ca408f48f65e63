import { existsSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { CodedError, isCodedError } from '@tunnel/flow'
import { callError } from '../ffi/call-error.ts'
import { errno, libc } from '../ffi/libc.ts'
import { openRouteControl, type RouteControl } from '../netlink/route-control.ts'
import { openTunLink, type TunLink } from '../tun/tun-link.ts'
import { receiveMessage, sendMessage } from './descriptor-channel.ts'
import { asUser, channelDescriptor, insideLink, type InsideReport, type InsideSettings } from './inside-settings.ts'

/** Packets that wait in the kernel, as `openTunDevice` has it. */
const queuePackets = 5_000
const MS_BIND = 0x1000
const MNT_DETACH = 2
const F_SETFD = 2
/** Input, output and error. */
const standardDescriptors = [0, 1, 2]

/**
 * The first program of a fresh user, network and mount namespace: it makes the TUN link the way to everywhere, hands its descriptor to whoever started
 * it, outside, and becomes the command. It is root in there until then, and the command is not.
 */
export function prepareInside(command: readonly string[]): never {
  const told = receiveMessage(channelDescriptor, { wait: true })
  if (typeof told === 'string') process.exit(1)
  const settings = JSON.parse(told.text) as InsideSettings
  try {
    for (const [path, text] of Object.entries(settings.files)) replaceFile(path, text)
    for (const path of settings.hidden) if (existsSync(path)) bind('/dev/null', path)
    const link = openTunLink({ name: insideLink, offloads: 'tcp-udp' })
    const ipv6 = leadEverywhere(link, settings)
    report({ ready: true, ipv6 }, link.fd)
  } catch (error) {
    report({ ready: false, code: isCodedError(error) ? error.code : 'linux.call-failed', message: error instanceof Error ? error.message : String(error) })
    process.exit(1)
  }
  // Nobody is there any more who would carry packets.
  if (typeof receiveMessage(channelDescriptor, { wait: true }) === 'string') process.exit(1)
  become([...asUser(settings.user, settings.group), ...command])
}

const report = (told: InsideReport, descriptor?: number): void => sendMessage(channelDescriptor, JSON.stringify(told), descriptor)

/** Gives whether there is IPv6. */
function leadEverywhere(link: TunLink, { v4, v6, mtu }: InsideSettings): boolean {
  const control = openRouteControl()
  control.setLink('lo', { up: true })
  control.setLink(link.name, { mtu, queuePackets })
  control.setLink(link.name, { up: true })
  control.addAddress({ family: 4, address: v4, prefixLength: 32, device: link.name })
  control.addRoutes([{ family: 4, destination: 'default', device: link.name, source: v4 }])
  const ipv6 = v6 !== undefined && hasIpv6(control, link, v6)
  control.close()
  return ipv6
}

function hasIpv6(control: RouteControl, link: TunLink, address: string): boolean {
  try {
    control.addAddress({ family: 6, address, prefixLength: 128, device: link.name })
    control.addRoutes([{ family: 6, destination: 'default', device: link.name }])
    return true
  } catch (error) {
    // Kernels without it, and those in which it is switched off.
    if (error instanceof CodedError && error.code.startsWith('linux.')) return false
    throw error
  }
}

/**
 * Seen by this namespace alone, and gone with it: the text is in a file system of its own. There the file keeps its name: the kernel lets nothing be
 * mounted on a file that has none, and a command may open a namespace within this one, with a text of its own.
 */
function replaceFile(path: string, text: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'ziti-tunnel-'))
  try {
    if (libc().mount('tmpfs', folder, 'tmpfs', 0, 'size=1m,mode=755') !== 0) throw callError(`put another file in the place of ${path}`, 'mount', errno())
    try {
      const file = join(folder, 'file')
      writeFileSync(file, text, { mode: 0o644 })
      bind(file, path)
    } finally {
      libc().umount2(folder, MNT_DETACH)
    }
  } finally {
    rmdirSync(folder)
  }
}

function bind(source: string, target: string): void {
  if (libc().mount(source, target, null, MS_BIND, null) !== 0) throw callError(`put another file in the place of ${target}`, 'mount', errno())
}

/** This process is another program from now on, with the same id, terminal, directory and environment. */
function become(words: readonly string[]): never {
  // Node makes them close-on-exec at its start.
  for (const fd of standardDescriptors) libc().fcntl(fd, F_SETFD, 0)
  // Node ignores these, which the command would inherit.
  for (const signal of [constants.signals.SIGPIPE, constants.signals.SIGXFSZ]) libc().signal(signal, null)
  libc().close(channelDescriptor)
  libc().execvp(words[0] ?? '', [...words, null])
  process.stderr.write(`${callError(`start ${words[0]}`, 'execvp', errno()).message}\n`)
  process.exit(127)
}
