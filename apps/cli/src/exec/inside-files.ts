import { readFileSync } from 'node:fs'

/** Sockets of services that would answer questions for names as the host knows them. */
export const hiddenSockets: readonly string[] = ['/run/nscd/socket', '/var/run/nscd/socket']

/** Texts that a command sees in the place of files of the host, by their paths. */
export function insideFiles(dns: string): Record<string, string> {
  const nsswitch = insideNsswitch(textOf('/etc/nsswitch.conf'))
  return {
    '/etc/resolv.conf': insideResolvConf(textOf('/etc/resolv.conf'), dns),
    ...(nsswitch !== undefined && { '/etc/nsswitch.conf': nsswitch }),
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** resolv.conf(5) of a command: our server alone, with the search list and options of the host. */
export function insideResolvConf(host: string, server: string): string {
  const kept = host.split('\n').filter((line) => /^\s*(search|domain|options)\s/.test(line))
  return [`nameserver ${server}`, ...kept, ''].join('\n')
}

/**
 * nsswitch.conf(5) of a command, if it must differ: `resolve` asks systemd-resolved by a socket that namespaces of networks do not part, and knows nothing of
 * services. `dns` takes its place. mDNS stays: it is asked for `.local` alone.
 */
export function insideNsswitch(host: string): string | undefined {
  const lines = host.split('\n').map((line) => (/^\s*hosts:/.test(line) ? insideHosts(line) : line))
  const text = lines.join('\n')
  return text === host ? undefined : text
}

function insideHosts(line: string): string {
  // A service, and what its answer means: `resolve [!UNAVAIL=return]`.
  const resolve = /\bresolve\b(\s*\[[^\]]*\])*/
  const rest = line.replace(resolve, '')
  if (rest === line) return line
  return /\bdns\b/.test(rest) ? rest.replaceAll(/ {2,}/g, ' ').trimEnd() : line.replace(resolve, 'dns')
}
