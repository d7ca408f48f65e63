import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { isCodedError } from '@tunnel/flow'
import { addChain, addElements, addRule, addSet, deleteElements, deleteRule, deleteSet, flushChain, flushSet, type NftChange } from '../nftables/change.ts'
import { inSet } from '../nftables/expressions/in-set.ts'
import { match } from '../nftables/expressions/match.ts'
import { accept } from '../nftables/expressions/verdict.ts'
import { openOwnerTable } from '../nftables/owner-table.ts'
import { probeNftables } from '../nftables/probe-nftables.ts'
import { renderNft } from '../nftables/render-nft.ts'
import type { SetElement } from '../nftables/set.ts'
import { exampleRuleset, services4 } from './example-ruleset.ts'
import { playScenario, runProgram, tryProgram } from './in-namespace.ts'
import { randomRuleset } from './random-ruleset.ts'

type Service = SetElement<typeof services4.fields>

await playScenario({ differential, randomDifferential, foreign, killed, refused, scale, probe, edit })

/** What nft shows of our table, and what it shows after it has loaded the same as text. */
function differential() {
  return twoVoices(exampleRuleset)
}

function randomDifferential() {
  return twoVoices(randomRuleset(20_261_122, 400))
}

function twoVoices(changes: readonly NftChange[]) {
  const table = openOwnerTable({ name: 'ours' })
  table.commit(changes)
  const ours = listing('ours')
  runProgram('nft', ['-f', '-'], renderNft(changes, { table: 'theirs', create: 'plain' }))
  return { ours, theirs: listing('theirs') }
}

function listing(table: string): string[] {
  const lines = nft('-s', 'list', 'table', 'inet', table).split('\n')
  return lines.slice(1).filter((line) => !/^\s*(flags owner)?$/.test(line))
}

function nft(...args: string[]): string {
  return runProgram('nft', args)
}

/** Other programs leave the table alone, and are told why. */
function foreign() {
  const table = openOwnerTable({ name: 'ours' })
  table.commit([addChain('input', { type: 'filter', hook: 'input', priority: 0 })])
  nft('flush', 'ruleset')
  const afterFlush = nft('list', 'tables')
  const refusals = [
    ['add', 'rule', 'inet', 'ours', 'input', 'drop'],
    ['delete', 'table', 'inet', 'ours'],
    ['flush', 'table', 'inet', 'ours'],
  ].map((args) => tryProgram('nft', args).errors)
  nft('add', 'table', 'inet', 'theirs')
  const opening = ['ours', 'theirs'].map((name) => failure(() => openOwnerTable({ name })))
  table.close()
  return { afterFlush, refusals, opening, afterClose: nft('list', 'tables') }
}

function failure(act: () => unknown) {
  try {
    act()
    return undefined
  } catch (error) {
    return isCodedError(error) ? { code: error.code, message: error.message, detail: error.detail } : { code: 'none', message: String(error) }
  }
}

/** A process with a table, and with a child that outlives it, dies of SIGKILL. */
async function killed() {
  const script = `
    const { openOwnerTable } = await import(${JSON.stringify(new URL('../nftables/owner-table.ts', import.meta.url).href)})
    const { spawn } = await import('node:child_process')
    openOwnerTable({ name: 'ours' })
    const child = spawn('sleep', ['30'], { stdio: 'ignore' })
    child.once('spawn', () => console.log(child.pid))
    setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['--conditions=tunnel-source', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(holder.stdout, 'data')
  const before = nft('list', 'tables')
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const after = nft('list', 'tables')
  process.kill(Number(line))
  return { before, after }
}

function refused() {
  const table = openOwnerTable({ name: 'ours' })
  table.commit([addSet(services4)])
  const before = nft('list', 'table', 'inet', 'ours')
  const attempts: NftChange[][] = [
    [addChain('one'), addElements(services4, [['192.0.2.1', 'tcp', 1]]), deleteElements(services4, [['192.0.2.9', 'tcp', 9]]), addChain('two')],
    [addRule('nowhere', [accept()])],
    [addSet(services4)],
    [addChain('one'), addRule('one', [match('ip daddr', '300.0.0.1')])],
  ]
  const failures = attempts.map((changes) => failure(() => table.commit(changes)))
  return { failures, unchanged: nft('list', 'table', 'inet', 'ours') === before }
}

/** Ten thousand services; times in milliseconds. */
function scale() {
  const rules = [addRule('prerouting', [match('meta l4proto', 'tcp'), inSet(services4, ['ip daddr', 'meta l4proto', 'th dport']), accept()])]
  const elements = Array.from({ length: 10_000 }, (_, index): Service => [
    { from: `10.${index >> 8}.${index & 255}.1`, to: `10.${index >> 8}.${index & 255}.9` },
    index % 2 ? 'tcp' : 'udp',
    { from: index, to: index + 5 },
  ])
  const table = openOwnerTable({ name: 'ours' })
  const chain = addChain('prerouting', { type: 'filter', hook: 'prerouting', priority: -150 })
  const timed = (changes: readonly NftChange[]) => {
    const start = performance.now()
    table.commit(changes)
    return Math.round((performance.now() - start) * 10) / 10
  }
  const count = () => table.read().sets[0]?.elements
  const load = timed([addSet(services4), chain, ...rules, addElements(services4, elements)])
  const loaded = count()
  const more = Array.from({ length: 9 }, (_, index): Service => [`192.0.2.${index}`, 'tcp', 443])
  const addOne = Math.max(...more.map((element) => timed([addElements(services4, [element])])))
  const deleteOne = Math.max(...more.map((element) => timed([deleteElements(services4, [element])])))
  const left = elements.slice(0, 5000)
  const rebuild = timed([flushChain('prerouting'), deleteSet(services4), addSet(services4), addElements(services4, left), ...rules])
  return { load, loaded, addOne, deleteOne, rebuild, rebuilt: count() }
}

/** A probe leaves nothing, whatever it finds. */
function probe() {
  const before = nft('list', 'ruleset')
  return { result: probeNftables(), leftNothing: nft('list', 'ruleset') === before }
}

/** Rules by their handles, elements, and the way back to nothing. */
function edit() {
  const table = openOwnerTable({ name: 'ours' })
  const rule = (port: number) => addRule('input', [match('meta l4proto', 'tcp'), match('th dport', port), accept()], `port ${port}`)
  table.commit([addSet(services4), addElements(services4, [['192.0.2.0/24', 'tcp', 1], ['198.51.100.1', 'udp', 2]]), addChain('input'), rule(1), rule(2), rule(3)])
  const first = table.read()
  const second = first.chains[0]?.rules[1]
  table.commit([deleteRule('input', second?.handle ?? 0n), deleteElements(services4, [['192.0.2.0/24', 'tcp', 1]])])
  const later = table.read()
  table.commit([flushChain('input'), flushSet(services4)])
  const comments = (contents: typeof first) => contents.chains.flatMap(({ rules }) => rules.map(({ comment }) => comment))
  return {
    first: { sets: first.sets, comments: comments(first), expressions: second?.expressions },
    later: { sets: later.sets, comments: comments(later) },
    last: { sets: table.read().sets, comments: comments(table.read()) },
  }
}
