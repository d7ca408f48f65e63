import type { Options } from 'tsup'

/** One tsup setting for every package: ESM only, types come from tsc (TypeScript 7 has no compiler API for tsup's own). */
export function packageBuild(entry: Record<string, string>, options: Options = {}): Options {
  return {
    entry,
    format: 'esm',
    target: 'node22',
    platform: 'node',
    sourcemap: true,
    splitting: true,
    dts: false,
    clean: true,
    silent: true,
    ...options,
  }
}
