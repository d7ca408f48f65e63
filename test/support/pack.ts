import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hasProgram, run } from './programs.ts'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export interface PublishedPackage {
  readonly name: string
  readonly version: string
  /** From the root. */
  readonly folder: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies: readonly string[]
  /** All of them are optional. */
  readonly peers: readonly string[]
}

function readPackage(folder: string): PublishedPackage {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Pick<PublishedPackage, 'name' | 'version' | 'exports'> & Record<string, Record<string, string> | undefined>
  const { name, version, exports, bin = {}, dependencies = {}, peerDependencies = {} } = manifest
  return { name, version, folder, exports, bin, dependencies: Object.keys(dependencies), peers: Object.keys(peerDependencies) }
}

/** What the workspace publishes, by name. */
export const publishable: ReadonlyMap<string, PublishedPackage> = new Map(
  globSync(['packages/*/package.json', 'apps/*/package.json'], { cwd: root }).toSorted().map((file) => readPackage(dirname(file))).map((found) => [found.name, found]),
)

/** The package and those of ours that it depends on, through any number of steps. */
export function withOwnDependencies(name: string, found = new Set<string>()): ReadonlySet<string> {
  const known = publishable.get(name)
  if (known === undefined || found.has(name)) return found
  found.add(name)
  for (const dependency of known.dependencies) withOwnDependencies(dependency, found)
  return found
}

/** Packs everything as `pnpm publish` would, from what was built. Gives the tarballs by package name. */
export async function packAll(folder: string): Promise<ReadonlyMap<string, string>> {
  const unbuilt = [...publishable.values()].filter((found) => !existsSync(join(root, found.folder, 'dist/index.d.ts')))
  if (unbuilt.length > 0) throw new Error(`not built: ${unbuilt.map(({ name }) => name).join(', ')}; run \`npx --yes pnpm@12 run build\``)
  const [command, ...first] = hasProgram('pnpm') ? ['pnpm'] : ['npx', '--yes', 'pnpm@12']
  const filters = ['--filter', './packages/*', '--filter', './apps/*']
  const { code, stdout, stderr } = await run(command as string, [...first, '--recursive', ...filters, 'pack', '--json', '--pack-destination', folder], { cwd: root, seconds: 60 })
  if (code !== 0) throw new Error(`pnpm pack failed:\n${stdout}${stderr}`)
  const packed = JSON.parse(stdout) as { name: string; filename: string }[]
  return new Map(packed.map(({ name, filename }) => [name, filename]))
}

/** Whether dependencies can be installed here. */
export async function npmAnswers(): Promise<boolean> {
  const { code } = await run('npm', ['view', 'zod', 'name', '--fetch-retries=0', '--fetch-timeout=10000'])
  return code === 0
}
