/**
 * `pnpm bench [NAME ...] [--json]`: client, tunneler, network, far end and peers in processes of their own, measured in
 * one run. Prints a table and writes `results/latest.local.json`; with `--json` the last line is one JSON object.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { connections } from './scenarios/connections.ts'
import { dns } from './scenarios/dns.ts'
import { pingPong } from './scenarios/latency.ts'
import { forwarder } from './scenarios/forwarder.ts'
import { forwarderMemory } from './scenarios/forwarder-memory.ts'
import { enterNamespace, inNamespace } from './namespace.ts'
import { forwarderWire } from './scenarios/forwarder-wire.ts'
import { memory } from './scenarios/memory.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { services } from './scenarios/services.ts'
import { stack } from './scenarios/stack.ts'
import { start } from './scenarios/start.ts'
import { throughput } from './scenarios/throughput.ts'
import { tproxy } from './scenarios/tproxy.ts'
import { tun } from './scenarios/tun.ts'
import { udp } from './scenarios/udp.ts'
import { wire } from './scenarios/wire.ts'
import { meets, renderTable, type Figure } from './table.ts'
import { startWorld } from './world.ts'

const scenarios: readonly Scenario[] = [start, pingPong, connections, throughput, memory, tproxy, tun, services, udp, dns, stack, forwarder, forwarderMemory, forwarderWire, wire]

const words = process.argv.slice(2).filter((word) => word !== '--')
const json = words.includes('--json')
const names = words.filter((word) => !word.startsWith('-'))
const unknown = names.filter((name) => scenarios.every((scenario) => scenario.name !== name))
if (unknown.length > 0) {
  console.error(`no benchmark is called ${unknown.join(', ')}; there are: ${scenarios.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

enterNamespace()
const world = await startWorld()
const figures: Figure[] = []
try {
  for (const scenario of scenarios.filter(({ name }) => names.length === 0 || names.includes(name))) {
    if (scenario.intercepts && !inNamespace) {
      console.log(`\n${scenario.name}\nskipped: interception needs root`)
      continue
    }
    const measured = await scenario.run(world)
    console.log(`\n${scenario.name}\n${renderTable(measured)}`)
    figures.push(...measured)
  }
} finally {
  await world.stop()
}

const isRatio = ({ name }: Figure): boolean => name.startsWith('ratio ')
const entries = (wanted: readonly Figure[]): Record<string, number> => Object.fromEntries(wanted.map(({ name, value }) => [name.replace(/^ratio /, ''), Number(value.toPrecision(4))]))
const result = { node: process.version, figures: entries(figures.filter((figure) => !isRatio(figure))), ratios: entries(figures.filter(isRatio)) }
const folder = new URL('../results/', import.meta.url)
mkdirSync(folder, { recursive: true })
writeFileSync(new URL('latest.local.json', folder), `${JSON.stringify(result, undefined, 2)}\n`)

const missed = figures.filter((figure) => meets(figure) === false)
if (missed.length > 0) console.log(`\nmissed\n${renderTable(missed)}`)
if (json) console.log(JSON.stringify(result))
