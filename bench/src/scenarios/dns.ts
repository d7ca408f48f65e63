import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from '../median.ts'
import { startPart, type Part } from '../part.ts'
import type { Figure } from '../table.ts'
import type { Scenario } from './scenario.ts'

const rounds = 3
const seconds = 2
const clients = [1, 8]

const hasProgram = (name: string): boolean => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
interface Measured {
  readonly perSecond: number
  /** CPU of the server, microseconds a question. */
  readonly cost: number
}

function ask(server: Part, questions: string, clients: number): Measured {
  const before = server.cpuSeconds()
  const words = ['-s', '127.0.0.1', '-p', String(server.ready['port']), '-d', questions, '-c', String(clients), '-l', String(seconds)]
  const text = execFileSync('dnsperf', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const number = (label: string): number => Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(text)?.[1] ?? Number.NaN)
  return { perSecond: number('Queries per second'), cost: ((server.cpuSeconds() - before) * 1e6) / number('Queries completed') }
}

/** Questions for local names, beside dnsmasq: the servers take turns, so that a machine in a bad mood treats them alike. */
export const dns: Scenario = {
  name: 'dns',
  async run() {
    if (!hasProgram('dnsperf') || !hasProgram('dnsmasq')) {
      console.log('\ndns\nskipped: it needs dnsperf and dnsmasq')
      return []
    }
    const folder = mkdtempSync(join(tmpdir(), 'bench-dns-'))
    const questions = join(folder, 'questions')
    writeFileSync(questions, Array.from({ length: 1000 }, (_, index) => `h${index}.lan A\n`).join(''))
    const servers = new Map([
      ['dnsmasq', await startPart('dnsmasq')],
      ['node:dgram', await startPart('dns-server', { socket: 'dgram' })],
      ['batched socket', await startPart('dns-server', { socket: 'batched' })],
    ])
    try {
      return clients.flatMap((count) => measure(servers, questions, count))
    } finally {
      for (const server of servers.values()) await server.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function measure(servers: ReadonlyMap<string, Part>, questions: string, clients: number): Figure[] {
  const runs = new Map([...servers.keys()].map((name): [string, Measured[]] => [name, []]))
  for (const server of servers.values()) ask(server, questions, clients) // warms code and caches
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, server] of servers) runs.get(name)?.push(ask(server, questions, clients))
  }
  const rate = (name: string): number => median((runs.get(name) ?? []).map(({ perSecond }) => perSecond))
  const label = `${clients} client${clients === 1 ? '' : 's'}`
  return [
    ...[...runs.keys()].map((name): Figure => ({ name: `DNS questions, ${label}, ${name}`, value: rate(name), unit: '/s' })),
    { name: `DNS CPU a question, ${label}, batched socket`, value: median((runs.get('batched socket') ?? []).map(({ cost }) => cost)), unit: 'µs' },
    { name: `ratio dns_qps_vs_dnsmasq${clients === 1 ? '_one_client' : ''}`, value: rate('batched socket') / rate('dnsmasq'), unit: '', target: { atLeast: 0.8 } },
    { name: `ratio dns_qps_vs_dnsmasq_dgram${clients === 1 ? '_one_client' : ''}`, value: rate('node:dgram') / rate('dnsmasq'), unit: '', target: { atLeast: 0.35 } },
  ]
}
