import { formatEndpoint } from '@tunnel/flow'
import { escapeText } from '../log/escape.ts'
import { wrapText } from '../log/wrap.ts'
import type { InstanceStatus } from './instance-status.ts'

const columns = 12
/** A screen has no room for more; `--json` has all. */
const mostLines = 20

/** One program for people. `width` is that of the terminal. */
export function renderStatus(status: InstanceStatus, width?: number): string {
  const { pid, version, command, uptime, state, interceptor = command } = status
  // Of `run` it is news; other commands bear its name.
  const means = interceptor === command ? '' : `, ${interceptor}`
  const head = `ziti-tunnel ${version} ${command}, pid ${pid}, ${state} for ${formatDuration(uptime)}${means}`
  const sections: [string, readonly string[]][] = [
    ['identities', status.identities.map(({ name, services }) => `${name}: ${count(services, 'service')}`)],
    ['intercepts', status.intercepts.map(describeIntercept)],
    ['listeners', status.listeners.map(({ service, protocol, address, port }) => `${service} on ${protocol} ${address === undefined ? port : formatEndpoint({ address, port })}`)],
    ['hosting', status.hosted.map((hosted) => describeHosted(hosted))],
    ['waiting', status.waiting],
    ['failed', Object.entries(status.failed).map(([service, problem]) => `${service}: ${problem}`)],
    ['dns', dnsLines(status)],
    ['flows', flowLines(status)],
    ['counters', Object.entries(status.counters).filter(([, value]) => value > 0).map(([name, value]) => `${name} ${value}`)],
  ]
  const body = sections.filter(([, lines]) => lines.length > 0).map(([name, lines]) => section(name, lines, width))
  return `${escapeText(head)}\n${body.join('')}`
}

function section(name: string, lines: readonly string[], width: number | undefined): string {
  const shown = lines.length > mostLines ? [...lines.slice(0, mostLines - 1), `and ${lines.length - mostLines + 1} more`] : lines
  const indent = 2 + columns
  const wrapped = (line: string): string => wrapText(escapeText(line), width && width - indent).join(`\n${' '.repeat(indent)}`)
  return shown.map((line, index) => `  ${(index === 0 ? name : '').padEnd(columns)}${wrapped(line)}\n`).join('')
}

function describeIntercept({ service, protocols, addresses, ports }: InstanceStatus['intercepts'][number]): string {
  return `${service} on ${protocols.join(' and ')} ${shorten(addresses)} port ${shorten(ports)}`
}

/** A service may have hundreds of them. */
function shorten(list: readonly string[]): string {
  const most = 4
  return list.length > most ? `${list.slice(0, most).join(', ')} and ${list.length - most} more` : list.join(', ')
}

function describeHosted({ service, established, connections, problem }: InstanceStatus['hosted'][number]): string {
  return problem === undefined ? `${service} on ${count(established, 'router')}, ${count(connections, 'connection')}` : `${service}: ${problem}`
}

function dnsLines({ dns }: InstanceStatus): string[] {
  if (dns === undefined) return []
  const { addresses, names, ranges, upstreams, resolver, questions, answers } = dns
  return [
    `${addresses.join(', ') || 'none'}: ${count(names, 'name')}${ranges.length > 0 ? ` out of ${ranges.join(', ')}` : ''}`,
    ...(questions === undefined ? [] : [`${count(questions, 'question')}, ${count(answers ?? 0, 'answer')}`]),
    `upstreams: ${upstreams.join(', ') || 'none'}`,
    `resolver of this host: ${resolver}`,
  ]
}

function flowLines({ flows }: InstanceStatus): string[] {
  return flows.map(({ service, protocol, direction, from, caller, state, up, down, openedAgo }) => {
    const who = from ? formatEndpoint(from) : (caller ?? 'the overlay')
    const age = openedAgo === undefined ? state : `${state} for ${formatDuration(Math.round(openedAgo / 1000))}`
    return `${service} ${protocol} ${direction === 'dial' ? 'from' : 'hosted for'} ${who}, ${age}, ${up} up, ${down} down`
  })
}

const count = (many: number, thing: string): string => `${many} ${thing}${many === 1 ? '' : 's'}`

export function formatDuration(seconds: number): string {
  const units: [number, string][] = [[86_400, 'd'], [3_600, 'h'], [60, 'm'], [1, 's']]
  const start = units.findIndex(([size]) => seconds >= size)
  if (start === -1) return '0s'
  let rest = seconds
  const parts = units.slice(start, start + 2).map(([size, unit]) => {
    const whole = Math.floor(rest / size)
    rest -= whole * size
    return whole > 0 ? `${whole}${unit}` : ''
  })
  return parts.filter((part) => part !== '').join(' ')
}
