import { globSync, readFileSync } from 'node:fs'
import { brokenImports } from './import-rules.ts'
import { root, type StepResult } from '../run/step.ts'

/** Fails on any import between packages that the architecture does not have. */
export function checkImportGraph(): StepResult {
  const started = performance.now()
  const broken = globSync('packages/*/package.json', { cwd: root }).flatMap((manifest) => {
    const folder = manifest.slice(0, -'/package.json'.length)
    const { name } = JSON.parse(readFileSync(`${root}${manifest}`, 'utf8')) as { name: string }
    return globSync(`${folder}/src/**/*.ts`, { cwd: root }).flatMap((file) => brokenImports(name, file, readFileSync(`${root}${file}`, 'utf8')))
  })
  return { name: 'import graph', ok: broken.length === 0, output: broken.join('\n'), seconds: (performance.now() - started) / 1000 }
}
