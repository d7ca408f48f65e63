import { runClient, type Path } from './world.ts'

/**
 * Eight connections, one by one but at the same time: what one of them makes under random loss says little. Megabytes a second of each, on average.
 */
export async function goodput(path: Path, kind: 'up' | 'down', bytes: number): Promise<number> {
  const runs = await Promise.all(Array.from({ length: 8 }, () => runClient<{ seconds: number }>(path, { order: { kind, bytes }, connections: 1 })))
  return runs.reduce((sum, { seconds }) => sum + bytes / 1e6 / seconds, 0) / runs.length
}
