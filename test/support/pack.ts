import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hasProgram, run } from './programs.ts'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly bin?: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** What the workspace publishes, by name. */
export const publishable: ReadonlyMap<string, Manifest> = new Map(
  globSync(['packages/*/package.json', 'apps/*/package.json'], { cwd: root })
    .map((file) => JSON.parse(readFileSync(join(root, file), 'utf8')) as Manifest)
    .map((manifest) => [manifest.name, manifest]),
)

/** The package and those of ours that it depends on, through any number of steps. */
export function withOwnDependencies(name: string, found = new Set<string>()): ReadonlySet<string> {
  const manifest = publishable.get(name)
  if (manifest === undefined || found.has(name)) return found
  found.add(name)
  for (const dependency of Object.keys(manifest.dependencies ?? {})) withOwnDependencies(dependency, found)
  return found
}

/** Packs everything as `pnpm publish` would, from what was built. Gives the tarballs by package name. */
export async function packAll(folder: string): Promise<ReadonlyMap<string, string>> {
  const [command, ...first] = hasProgram('pnpm') ? ['pnpm'] : ['npx', '--yes', 'pnpm@12']
  const filters = ['--filter', './packages/*', '--filter', './apps/*']
  const { code, stdout, stderr } = await run(command as string, [...first, '--recursive', ...filters, 'pack', '--json', '--pack-destination', folder], { cwd: root, seconds: 60 })
  if (code !== 0) throw new Error(`pnpm pack failed:\n${stdout}${stderr}`)
  const packed = JSON.parse(stdout) as { name: string; filename: string }[]
  return new Map(packed.map(({ name, filename }) => [name, filename]))
}
