/**
 * `pnpm run version`: turns the changesets into versions and changelogs, and writes the new version where the source of
 * a package tells it to others. The install afterwards brings the lockfile in line.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { reportStep, root, runStep } from '../run/step.ts'

const told = { manifest: 'packages/edge/package.json', source: 'packages/edge/src/version.ts' }

const versioned = await runStep('changeset version', 'changeset', ['version'])
reportStep(versioned)
if (versioned.ok) {
  const { version } = JSON.parse(readFileSync(`${root}${told.manifest}`, 'utf8')) as { version: string }
  const before = readFileSync(`${root}${told.source}`, 'utf8')
  writeFileSync(`${root}${told.source}`, before.replace(/'[\d.]+[^']*'/, `'${version}'`))
}
process.exitCode = versioned.ok ? 0 : 1
