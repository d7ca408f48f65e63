import type { RootedFiles } from './rooted-files.ts'

/**
 * Which of these programs run on this host, by the name that the kernel keeps (comm, its first 15 characters).
 * Those in another network namespace (containers) do not manage our resolver and do not count.
 */
export async function runningPrograms(files: RootedFiles, names: readonly string[]): Promise<ReadonlySet<string>> {
  const wanted = new Map(names.map((name) => [name.slice(0, 15), name]))
  const ours = await files.link('/proc/self/ns/net')
  const found = new Set<string>()
  for (const pid of await files.names('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const name = wanted.get((await files.text(`/proc/${pid}/comm`))?.trimEnd() ?? '')
    if (name === undefined || found.has(name)) continue
    const theirs = await files.link(`/proc/${pid}/ns/net`)
    if (theirs === undefined || ours === undefined || theirs === ours) found.add(name)
  }
  return found
}
