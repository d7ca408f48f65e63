import { checkImportGraph } from './import-graph.ts'
import { checkPackages } from './packages.ts'
import { reportStep, runStep, type StepResult } from '../run/step.ts'

/** Every static check. Builds first: packages are checked as they would be published. */
export async function checkAll(): Promise<StepResult[]> {
  const results: StepResult[] = []
  const add = (...added: StepResult[]): void => {
    results.push(...added)
    for (const result of added) reportStep(result)
  }
  add(await runStep('build', 'turbo', ['run', 'build', '--output-logs=errors-only']))
  add(await runStep('types', 'tsc', ['-p', 'tsconfig.json']))
  add(await runStep('lint', 'oxlint', []))
  add(checkImportGraph())
  add(await runStep('unused code', 'knip', ['--no-progress']))
  add(...(await checkPackages()))
  return results
}
