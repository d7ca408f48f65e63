import { isCodedError, silentLog } from '@tunnel/flow'
import fc from 'fast-check'
import type { ChangeParameters } from '../../host-state/performer.ts'
import { openIptables, type IpFamily } from '../iptables/iptables-control.ts'
import type { IptablesRule } from '../iptables/iptables-rule.ts'
import { planInputOpening, planOwnedChain } from '../iptables/owned-chain.ts'
import { firewallPerformers } from '../iptables/performers.ts'
import { probeIptables } from '../iptables/probe-iptables.ts'
import { renderRestore } from '../iptables/restore-text.ts'
import { playScenario, runProgram } from './in-namespace.ts'

const owner = 'ziti-tunnel 4711.815'
const variants = ['nft', 'legacy'] as const
type Variant = (typeof variants)[number]
const settings = variants.flatMap((variant) => ([4, 6] as const).map((family) => ({ variant, family })))

await playScenario({ wholeLife, foreignRules, comments, refused, probe })

function dump(): string {
  return runProgram('nft', ['list', 'ruleset'])
}

function parts({ variant, family }: { variant: Variant; family: IpFamily }) {
  const iptables = openIptables({ variant })
  const performers = firewallPerformers(() => iptables)
  const address = family === 4 ? '127.0.0.1' : '::1'
  const rules: IptablesRule[] = [
    { mark: { value: 0x7a690000, mask: 0xffff0000 }, target: 'RETURN' },
    {
      comment: 'wttr.in',
      source: family === 4 ? '10.0.0.0/8' : 'fd00::/8',
      destination: family === 4 ? '5.9.243.187/32' : '2001:db8::1/128',
      protocol: 'tcp',
      destinationPorts: { low: 443, high: 444 },
      target: { address, port: 33355, mark: 0x1, mask: 0x1 },
    },
  ]
  const change = planOwnedChain({ family, table: 'mangle', chain: 'NF-INTERCEPT', hook: 'PREROUTING', owner }, rules)
  const input = planInputOpening({ family, chain: 'NF-INTERCEPT', owner, interfaces: ['eth0', 'br+'], mark: { value: 0x1, mask: 0x1 } })
  return { iptables, changes: [change, input], perform: (kind: string, parameters: ChangeParameters) => performWith(performers, kind, parameters) }
}

async function performWith(performers: ReturnType<typeof firewallPerformers>, kind: string, parameters: ChangeParameters) {
  const performer = performers[kind]
  const found = (await performer?.prepare?.(parameters)) ?? {}
  const [outcome] = (await performer?.perform([{ ...parameters, ...found }], { log: silentLog })) ?? []
  return { outcome, found }
}

async function make({ changes, perform }: ReturnType<typeof parts>) {
  const undos = []
  for (const { kind, parameters, undo } of changes) {
    const { found } = await perform(kind, parameters)
    undos.push({ kind: undo?.kind ?? '', parameters: { ...undo?.parameters, ...found } })
  }
  return undos
}

/** Made, listed, undone, undone again. */
async function wholeLife() {
  const seen = []
  for (const setting of settings) {
    const before = dump()
    const all = parts(setting)
    const undos = await make(all)
    const rules = [...(await all.iptables.list(setting.family, 'mangle')), ...(await all.iptables.list(setting.family, 'filter'))]
    const outcomes = []
    for (const { kind, parameters } of [...undos, ...undos]) outcomes.push((await all.perform(kind, parameters)).outcome)
    const left = (await all.iptables.list(setting.family, 'mangle')).filter((line) => line.includes('NF-INTERCEPT'))
    seen.push({ rules: rules.filter((line) => line.startsWith('-A')), outcomes, left, sameRuleset: dump() === before })
  }
  return seen
}

/** Rules of others: beside ours, one that jumps to our chain, and a chain of our name that is not ours. */
async function foreignRules() {
  const seen = []
  for (const setting of settings) {
    const { family } = setting
    const all = parts(setting)
    const [undo] = await make(all)
    const theirs = ['-A PREROUTING -m comment --comment "-j NF-INTERCEPT " -j ACCEPT', '-A OUTPUT -j MARK --set-xmark 0x5/0xffffffff']
    await all.iptables.apply(family, `*mangle\n-N OTHERS\n${theirs.join('\n')}\n-A OTHERS -j NF-INTERCEPT\nCOMMIT\n`)
    const blocked = (await all.perform(undo?.kind ?? '', undo?.parameters ?? {})).outcome
    await all.iptables.apply(family, '*mangle\n-D OTHERS -j NF-INTERCEPT\nCOMMIT\n')
    const free = (await all.perform(undo?.kind ?? '', undo?.parameters ?? {})).outcome
    await all.iptables.apply(family, '*mangle\n-N NF-INTERCEPT\n-A NF-INTERCEPT -j ACCEPT\nCOMMIT\n')
    const stranger = (await all.perform(undo?.kind ?? '', undo?.parameters ?? {})).outcome
    const left = (await all.iptables.list(family, 'mangle')).filter((line) => line.startsWith('-A'))
    seen.push({ blocked, free, stranger, left, expected: [...theirs, '-A NF-INTERCEPT -j ACCEPT'] })
  }
  return seen
}

/** Names of services as nobody should choose them: each must make exactly one rule. */
async function comments() {
  const hostile = ['-t', '--table filter', '-j DROP', '"', '\\', '\\"', "'", ' ', '!', '#', '*filter', 'a\nCOMMIT\n*filter\n-F', 'x'.repeat(9000), '\u{1f4a9}'.repeat(100), '\ud800', '\0', '$(id)', '%s%n', '-A "']
  const anyText = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString(bytes.length % 2 === 0 ? 'latin1' : 'utf8'))
  const texts = [...hostile, ...fc.sample(anyText, { numRuns: 200, seed: 4 })]
  const seen = []
  for (const variant of variants) {
    const iptables = openIptables({ variant })
    const rules = texts.map((comment) => ({ change: 'append', chain: 'X', rule: { comment, protocol: 'tcp', target: 'ACCEPT' } }) as const)
    await iptables.apply(4, renderRestore('mangle', [{ change: 'newChain', chain: 'X' }, ...rules]))
    const listed = (await iptables.list(4, 'mangle')).filter((line) => line.startsWith('-A'))
    const strange = listed.filter((line) => !/^-A X -p tcp (-m comment --comment .* )?-j ACCEPT$/s.test(line))
    seen.push({ wanted: texts.length, listed: listed.length, strange })
  }
  return seen
}

async function refused() {
  const seen = []
  for (const variant of variants) {
    const iptables = openIptables({ variant })
    const text = renderRestore('mangle', [{ change: 'newChain', chain: 'X' }, { change: 'flushChain', chain: 'NOWHERE' }])
    const error: unknown = await iptables.apply(4, text).catch((thrown: unknown) => thrown)
    const left = (await iptables.list(4, 'mangle')).filter((line) => line.startsWith(':X '))
    seen.push({ error: isCodedError(error) ? { code: error.code, message: error.message, line: error.detail.line } : String(error), left })
  }
  return seen
}

async function probe() {
  const before = dump()
  const results = []
  for (const { variant, family } of settings) results.push(await probeIptables(family, () => openIptables({ variant })))
  return { results, leftNothing: dump() === before }
}
