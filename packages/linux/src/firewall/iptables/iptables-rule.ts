import { isIP } from 'node:net'
import { firewallError } from '../firewall-error.ts'
import { quoteComment } from './comment.ts'

/** One rule of a chain, in the words of iptables; what is left out matches everything. */
export interface IptablesRule {
  /** Any text; it is made safe and cut to 255 bytes. */
  readonly comment?: string
  readonly inInterface?: string
  /** An address or a prefix. */
  readonly source?: string
  readonly destination?: string
  readonly protocol?: 'tcp' | 'udp'
  /** Only with a protocol, and with destination ports. */
  readonly sourcePort?: number
  /** Both included; only with a protocol. */
  readonly destinationPorts?: { readonly low: number; readonly high: number }
  readonly mark?: { readonly value: number; readonly mask: number }
  /** The packet belongs to a transparent socket that is there already. */
  readonly transparentSocket?: boolean
  /** The packet answers one that connection tracking has seen. */
  readonly reply?: boolean
  /** What the table `local` says of the destination: `UNICAST` is no address of this host. */
  readonly destinationType?: 'LOCAL' | 'UNICAST'
  readonly target: IptablesTarget
}

export type IptablesTarget = 'ACCEPT' | 'RETURN' | 'DROP' | { readonly chain: string } | { readonly reject: 'tcp-reset' } | MarkTarget | TproxyTarget

/** Marks the packet; in OUTPUT it is routed anew. */
export interface MarkTarget {
  readonly setMark: { readonly value: number; readonly mask: number }
}

/** Gives the packet to a transparent socket, and marks it. */
export interface TproxyTarget {
  readonly address: string
  readonly port: number
  readonly mark: number
  readonly mask: number
}

/** The rule behind `-A CHAIN`. Throws `firewall.malformed` for a value that would not stay one word. */
export function renderIptablesRule(rule: IptablesRule): string {
  return [
    ...option('-i', rule.inInterface, isInterfaceName),
    ...commentOf(rule),
    ...option('-s', rule.source, isPrefix),
    ...option('-d', rule.destination, isPrefix),
    ...protocolOf(rule),
    ...(rule.mark ? ['-m', 'mark', '--mark', masked(rule.mark.value, rule.mark.mask)] : []),
    ...(rule.transparentSocket ? ['-m', 'socket', '--transparent'] : []),
    ...(rule.reply ? ['-m', 'conntrack', '--ctdir', 'REPLY'] : []),
    ...(rule.destinationType ? ['-m', 'addrtype', '--dst-type', rule.destinationType] : []),
    ...targetOf(rule.target),
  ].join(' ')
}

/** Chain names as iptables takes them: up to 28 characters. */
export function isChainName(text: string): boolean {
  return /^[A-Za-z][\w.-]{0,27}$/.test(text)
}

function option(name: string, value: string | undefined, isValid: (value: string) => boolean): string[] {
  if (value === undefined) return []
  if (!isValid(value)) throw firewallError('firewall.malformed', `${JSON.stringify(value)} cannot stand behind ${name} of an iptables rule`)
  return [name, value]
}

function commentOf({ comment }: IptablesRule): string[] {
  const quoted = comment === undefined ? undefined : quoteComment(comment)
  return quoted === undefined ? [] : ['-m', 'comment', '--comment', quoted]
}

function protocolOf({ protocol, sourcePort, destinationPorts: ports }: IptablesRule): string[] {
  if (!protocol) return []
  if (!ports) return ['-p', protocol]
  return ['-p', protocol, '-m', protocol, ...(sourcePort === undefined ? [] : ['--sport', String(sourcePort)]), '--dport', `${ports.low}:${ports.high}`]
}

function targetOf(target: IptablesTarget): string[] {
  if (typeof target === 'string') return ['-j', target]
  if ('reject' in target) return ['-j', 'REJECT', '--reject-with', target.reject]
  if ('setMark' in target) return ['-j', 'MARK', '--set-xmark', masked(target.setMark.value, target.setMark.mask)]
  if ('chain' in target) return option('-j', target.chain, isChainName)
  const { address, port, mark, mask } = target
  return ['-j', 'TPROXY', ...option('--on-ip', address, (text) => isIP(text) !== 0), '--on-port', String(port), '--tproxy-mark', masked(mark, mask)]
}

function masked(value: number, mask: number): string {
  return `0x${value.toString(16)}/0x${mask.toString(16)}`
}

function isPrefix(text: string): boolean {
  const [address = '', length, ...more] = text.split('/')
  return more.length === 0 && isIP(address) !== 0 && (length === undefined || /^\d{1,3}$/.test(length))
}

function isInterfaceName(text: string): boolean {
  return /^[A-Za-z0-9][^\s"'\\/]{0,14}$/.test(text)
}
