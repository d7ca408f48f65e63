/**
 * The one test command: static checks, then every vitest project, then a line that counts both.
 * `--long` runs the large numbers (`pnpm test:long`); any other word is the name of a project to run alone.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkAll } from '../check/all.ts'
import { runStep } from '../run/step.ts'
import { addCounts, countReport, countsLine, failuresOf, type Counts, type VitestReport } from './report.ts'

const words = process.argv.slice(2)
const long = words.includes('--long')
const wanted = words.filter((word) => !word.startsWith('-'))
// Unit tests first: what they find is cheapest to mend. Kills mostly wait, and so run beside the fuzzing, which mostly computes.
const stages = wanted.length > 0 ? wanted.map((project) => [project]) : [['unit'], ['fuzz', 'kills'], ['e2e'], ['host'], ['interop']]

/** They measure speeds side by side and start many programs: one file at a time. */
const alone = new Set(['e2e', 'host', 'kills', 'interop'])

const scratch = mkdtempSync(join(tmpdir(), 'ziti-tunnel-test-'))

interface ProjectResult {
  readonly project: string
  readonly counts: Counts
  readonly failures: readonly string[]
  readonly seconds: number
}

async function runProject(project: string): Promise<ProjectResult> {
  const file = join(scratch, `${project}.json`)
  const order = alone.has(project) ? ['--no-file-parallelism'] : []
  const reports = ['--reporter=dot', '--reporter=json', `--outputFile.json=${file}`]
  // The star: unit tests are two projects, with and without a process for each file.
  const { ok, seconds } = await runStep(project, 'vitest', ['run', '--project', `${project}*`, '--passWithNoTests', ...order, ...reports], {
    live: true,
    environment: { ...(long && { TUNNEL_TEST_LONG: '1' }), ...(!process.stdout.isTTY && { NO_COLOR: '1' }) },
  })
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
    const counts = countReport(report)
    if (ok || counts.failed > 0) return { project, seconds, counts, failures: failuresOf(report) }
    // An error outside of any test (an unhandled rejection) fails the run without failing a test.
    return { project, seconds, counts: { ...counts, failed: 1 }, failures: [`${project}: an error outside of any test, see above`] }
  } catch {
    return { project, seconds, counts: { passed: 0, failed: 1, skipped: 0 }, failures: [`${project}: ended without a report, see above`] }
  }
}

const counts: Counts[] = []
if (wanted.length === 0) {
  for (const { ok } of await checkAll()) counts.push({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 })
}
const results: ProjectResult[] = []
for (const stage of stages) results.push(...(await Promise.all(stage.map(runProject))))
for (const failure of results.flatMap(({ failures }) => failures)) console.log(`FAILED ${failure}`)
for (const result of results) {
  counts.push(result.counts)
  console.log(`${result.project.padEnd(8)}${countsLine(result.counts)}, ${result.seconds.toFixed(0)} s`)
}
rmSync(scratch, { recursive: true, force: true })

const total = addCounts(counts)
console.log(countsLine(total))
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
