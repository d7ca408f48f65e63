import { CodedError, formatEndpoint } from '@tunnel/flow'
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { defaultIp4Range, defaultIp6Range, parseIp4Range, parseIp6Range } from './address-range.ts'
import type { CaptureOptions } from './capture-options.ts'
import { defaultCaptureBytes, parseCaptureLimit } from './capture-options.ts'
import { collectLanInterfaces } from './lan-interfaces.ts'
import type { ResolverChoice, Unanswerable } from './resolver-choice.ts'
import { defaultResolver, parseResolver, parseUnanswerable, unanswerableChoices } from './resolver-choice.ts'
import type { UdpIdle } from './udp-idle.ts'
import { collectUdpIdle, defaultUdpIdle } from './udp-idle.ts'
import type { UpstreamMode } from './upstream-servers.ts'
import { collectUpstreams, upstreamModes } from './upstream-servers.ts'

export type IpAssignment = 'synthetic' | 'original'
export type SelfTestMode = 'require' | 'warn' | 'off'
export type FirewallChoice = 'auto' | 'nftables' | 'iptables'

/** What transparent interception needs to know: for `run`, `tproxy` and those that look after them. */
export interface InterceptOptions {
  readonly resolver: ResolverChoice
  /** `--resolver` was given: nothing else will do. */
  readonly resolverNamed: boolean
  readonly ip4Range: string
  /** By the command line: it is kept, whoever else has addresses in it. */
  readonly ip4RangeGiven: boolean
  readonly ip6Range: string | undefined
  readonly ip6RangeGiven: boolean
  /** Whole URLs. Empty: none were named. */
  readonly upstreams: readonly string[]
  readonly upstreamMode: UpstreamMode
  readonly unanswerable: Unanswerable
  readonly assignment: IpAssignment
  readonly configureResolver: boolean
  readonly selfTest: SelfTestMode
  readonly stateDirectory: string
  readonly lanInterfaces: readonly string[]
  readonly firewall: FirewallChoice
  readonly udpIdle: UdpIdle
  /** Packets of a stack of ours are written to a file. */
  readonly capture: CaptureOptions | undefined
  /** Say what would be changed, and end. */
  readonly plan: boolean
}

export const defaultStateDirectory = '/var/lib/ziti-tunnel'
const interceptGroup = 'Transparent interception (run, tproxy, tun):'

function oneOf<T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name === text)
    if (found === undefined) throw new InvalidArgumentError(`It must be one of ${names.join(', ')}.`)
    return found
  }
}

/** `undefined` is a choice of its own, which commander cannot tell from an option that was not given. */
const parseIp6Choice = (text: string): { range: string | undefined } => ({ range: parseIp6Range(text) })

const definitions: readonly (readonly [flags: string, description: string, parse?: (text: string, before: never) => unknown])[] = [
  ['-r, --resolver <url>', `DNS server of ours, file:///etc/hosts, or none (default: ${defaultResolver})`, parseResolver],
  ['-d, --dnsSvcIpRange <cidr>', `addresses for the names of services (default: ${defaultIp4Range})`, parseIp4Range],
  ['--dnsSvcIp6Range <cidr>', `the same for IPv6, or off (default: ${defaultIp6Range})`, parseIp6Choice],
  ['--dnsUpstream <url>', 'server for all other names: udp://, tcp:// or tls://; repeatable', collectUpstreams],
  ['--dnsUpstreamMode <mode>', `how several are asked: ${upstreamModes.join(', ')} (default: parallel)`, oneOf(upstreamModes)],
  ['--dnsUnanswerable <answer>', `answer when nobody knows: ${unanswerableChoices.join(', ')} (default: refused)`, parseUnanswerable],
  ['--ip-assignment <rule>', 'synthetic, or original: addresses that the names have anyway (default: synthetic)', oneOf(['synthetic', 'original'])],
  ['--configure-resolver', "point this host's resolver to us, for the time of the run"],
  ['--dns-self-test <mode>', 'require, warn or off: is our DNS server asked? (default: require)', oneOf(['require', 'warn', 'off'])],
  ['--state-dir <directory>', `where the way back of each change is kept (default: ${defaultStateDirectory})`],
  ['--lanIf <interface>', 'interface whose neighbours are served too; repeatable', collectLanInterfaces],
  ['--firewall <kind>', 'auto, nftables or iptables (default: auto)', oneOf(['auto', 'nftables', 'iptables'])],
  ['--udp-idle <seconds>', 'silence that ends a UDP session: SECONDS or PORT=SECONDS (default: 300,53=5)', collectUdpIdle],
  ['--pcap <file>', 'write what passes the stack of tun and exec there, for tcpdump -r'],
  ['--pcap-limit <size>', 'largest size of that file: 500M, 2G or none (default: 1G)', parseCaptureLimit],
  ['--plan', 'print every change that would be made, and its undo; make none'],
]

export function createInterceptOptions(): Option[] {
  return definitions.map(([flags, description, parse]) => {
    const option = new Option(flags, description).helpGroup(interceptGroup)
    return parse ? option.argParser(parse as (text: string, before: unknown) => unknown) : option
  })
}

/** Which of these options a command looks at; `run` and `tproxy`: all. */
const looksAt: Readonly<Record<string, readonly string[]>> = {
  doctor: ['resolver', 'stateDir', 'firewall', 'lanIf', 'dnsUpstream', 'configureResolver', 'dnsSvcIpRange'],
  status: ['stateDir'],
  cleanup: ['stateDir'],
  proxy: ['stateDir'],
  host: ['stateDir'],
  capture: ['stateDir', 'pcap', 'pcapLimit'],
  exec: ['pcap', 'pcapLimit', 'dnsSvcIpRange', 'dnsSvcIp6Range', 'dnsUpstream', 'dnsUpstreamMode', 'dnsUnanswerable', 'stateDir', 'plan'],
}

/** What is a firewall's is not `tun`'s: whoever forwards packets of neighbours to a TUN link is the host, by its routes. */
const firewallOptions: readonly string[] = ['firewall', 'lanIf']

/** Connections of `tproxy` are the kernel's. */
const captureOptions: readonly string[] = ['pcap', 'pcapLimit']

function isEffective(name: string, command: string | undefined): boolean {
  if (command === 'tproxy') return !captureOptions.includes(name)
  if (command === 'run') return true
  return command === 'tun' ? !firewallOptions.includes(name) : (looksAt[command ?? ''] ?? []).includes(name)
}

/** What was given to a command that does nothing with it. */
export function ineffectiveInterceptOptions(program: Command): Option[] {
  const [command] = program.args
  const options: Record<string, unknown> = program.opts()
  return createInterceptOptions().filter((option) => {
    const name = option.attributeName()
    return options[name] !== undefined && !isEffective(name, command)
  })
}

/** For help: whether a command has a use for an option of the program. */
export function concerns(option: Option, command: string): boolean {
  return option.helpGroupHeading !== interceptGroup || isEffective(option.attributeName(), command)
}

export function readInterceptOptions(program: Command): InterceptOptions {
  const options: Record<string, unknown> = program.opts()
  const resolver = (options.resolver as ResolverChoice | undefined) ?? parseResolver(defaultResolver)
  const configureResolver = options.configureResolver === true
  if (configureResolver && resolver.kind !== 'server') {
    throw new CodedError('usage.resolver', `--configure-resolver points this host to our DNS server, and --resolver ${nameOf(resolver)} starts none: leave one of them out`)
  }
  const upstreams = (options.dnsUpstream as readonly string[] | undefined) ?? []
  checkLoop(upstreams, resolver)
  const ip6Choice = options.dnsSvcIp6Range as { range: string | undefined } | undefined
  return {
    resolver,
    resolverNamed: options.resolver !== undefined,
    ip4Range: (options.dnsSvcIpRange as string | undefined) ?? defaultIp4Range,
    ip4RangeGiven: options.dnsSvcIpRange !== undefined,
    ip6Range: ip6Choice ? ip6Choice.range : defaultIp6Range,
    ip6RangeGiven: ip6Choice !== undefined,
    upstreams,
    upstreamMode: (options.dnsUpstreamMode as UpstreamMode | undefined) ?? 'parallel',
    unanswerable:
      (options.dnsUnanswerable as Unanswerable | undefined) ?? (resolver.kind === 'server' ? resolver.unanswerable : undefined) ?? 'refused',
    assignment: (options.ipAssignment as IpAssignment | undefined) ?? 'synthetic',
    configureResolver,
    selfTest: resolver.kind === 'none' ? 'off' : ((options.dnsSelfTest as SelfTestMode | undefined) ?? 'require'),
    stateDirectory: (options.stateDir as string | undefined) ?? defaultStateDirectory,
    lanInterfaces: (options.lanIf as readonly string[] | undefined) ?? [],
    firewall: (options.firewall as FirewallChoice | undefined) ?? 'auto',
    udpIdle: (options.udpIdle as UdpIdle | undefined) ?? defaultUdpIdle,
    capture: readCapture(program),
    plan: options.plan === true,
  }
}

/** Standard output is the command's in `exec`, and of no use where log lines are read. */
function readCapture(program: Command): CaptureOptions | undefined {
  const { pcap: file, pcapLimit: limitBytes = defaultCaptureBytes } = program.opts<{ pcap?: string; pcapLimit?: number }>()
  if (file === undefined) return undefined
  if (file === '-' && program.args[0] !== 'capture') throw new CodedError('usage.pcap', "--pcap needs a file here; 'ziti-tunnel capture --pcap -' writes what another one captures to standard output")
  return { file, limitBytes }
}

/** What we are asked and cannot answer is not to be asked of ourselves. */
function checkLoop(upstreams: readonly string[], resolver: ResolverChoice): void {
  const own = new Set(resolver.kind === 'server' ? resolver.listen.map(formatEndpoint) : [])
  for (const url of upstreams) {
    const [, endpoint = ''] = /^(?:udp|tcp):\/\/(.*)$/.exec(url) ?? []
    if (own.has(endpoint)) throw new CodedError('usage.upstream', `--dnsUpstream ${url} is our own DNS server (--resolver), and questions would go round: name another one`)
  }
}

const nameOf = (resolver: ResolverChoice): string => (resolver.kind === 'file' ? `file://${resolver.path}` : resolver.kind)
