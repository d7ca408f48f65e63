import { globSync, readFileSync } from 'node:fs'
import { root, runStep, type StepResult } from '../run/step.ts'

/** What a user of each package would meet: entry points that exist, types that resolve. Needs a build. */
export async function checkPackages(): Promise<StepResult[]> {
  const results: StepResult[] = []
  for (const manifest of globSync(['packages/*/package.json', 'apps/*/package.json'], { cwd: root }).toSorted()) {
    const folder = manifest.slice(0, -'/package.json'.length)
    const { name, exports } = JSON.parse(readFileSync(`${root}${manifest}`, 'utf8')) as { name: string; exports?: object }
    results.push(await runStep(`publint ${name}`, 'publint', ['--strict', folder]))
    if (exports) results.push(await runStep(`attw ${name}`, 'attw', ['--pack', folder, '--profile', 'esm-only', '--no-emoji']))
  }
  return results
}
