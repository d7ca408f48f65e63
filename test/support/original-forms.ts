/** What the original and the programs of its README print, by parts: tests compare these, not columns. */

export interface LogLine {
  readonly level: string
  /** The name of the function alone: packages are called otherwise in ours. */
  readonly function: string
  readonly message: string
}

/** `[   0.006]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.run: {field=[value]} using tproxy interceptor` */
export function parseLogLine(line: string): LogLine | undefined {
  const [, level, source, message] = /^\[ *\d+\.\d{3}\] +([A-Z]+) (\S+): (?:\{.*?\]\} )?(.*)$/.exec(line) ?? []
  if (level === undefined || source === undefined || message === undefined) return undefined
  return { level, function: source.replace(/.*[./]/, ''), message }
}

/** The port of the listener and link-local addresses of names differ from run to run. */
export const withoutChoices = (message: string): string => message.replace(/(tproxy listening on 127\.0\.0\.1:)\d+/, '$1PORT').replace(/169\.254\.1\.\d+/, '169.254.1.X')

export interface FirewallRow {
  readonly target: string
  /** By name: some releases of iptables print numbers with `-n`. */
  readonly protocol: string
  readonly source: string
  readonly destination: string
  readonly comment?: string
  readonly port?: number
  /** `TPROXY redirect 127.0.0.1:33355 mark 0x1/0x1`. */
  readonly redirect?: string
  readonly mark?: string
}

const protocolNames: Readonly<Record<string, string>> = { 0: 'all', 6: 'tcp', 17: 'udp' }

/** Rows of `iptables -n -L`, without the two lines above them. */
export function parseFirewallRows(listing: string): FirewallRow[] {
  return listing.split('\n').flatMap((line): FirewallRow[] => {
    const [, target, protocol, source, destination, rest] = /^(\S+) +(\S+) +\S+ +(\S+) +(\S+)(.*)$/.exec(line) ?? []
    if (!target || !protocol || !source || !destination || target === 'target' || target === 'Chain') return []
    const comment = /\/\* (.*) \*\//.exec(rest ?? '')?.[1]
    const port = /dpt:(\d+)/.exec(rest ?? '')?.[1]
    const [, redirect, mark] = /TPROXY redirect (\S+) mark (\S+)/.exec(rest ?? '') ?? []
    return [{
      target, protocol: protocolNames[protocol] ?? protocol, source, destination,
      ...(comment !== undefined && { comment }), ...(port !== undefined && { port: Number(port) }), ...(redirect && mark && { redirect, mark }),
    }]
  })
}

/** `local 1.2.3.4 dev lo proto kernel scope host src 1.2.3.4` as `{ local: '1.2.3.4', dev: 'lo', ... }`. */
export function parseRoutes(listing: string): Record<string, string>[] {
  return listing.split('\n').filter((line) => line.startsWith('local ')).map((line) => {
    const words = line.trim().split(/\s+/)
    return Object.fromEntries(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? '']] : [])))
  })
}
