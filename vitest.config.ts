import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Tests run against the sources: a test never depends on a build that may be old.
const source = { resolve: { conditions: ['tunnel-source'] }, ssr: { resolve: { conditions: ['tunnel-source'] } } }

const project = (name: string, include: string[], testTimeout = 10_000, options: { readonly isolate?: boolean; readonly exclude?: string[] } = {}) => ({
  ...source,
  test: { name, include, testTimeout, hookTimeout: 30_000, pool: 'forks' as const, ...options },
})

/** Their tests leave nothing behind in a process: files share it, and the modules it has loaded. */
const shared = '{config,core,devnet,dns,edge,netstack}'

export default defineConfig({
  test: {
    // By default one core is left free; many tests only wait.
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      project('unit', ['{packages,apps}/*/src/**/*.test.ts', 'tooling/src/**/*.test.ts'], 10_000, { exclude: [`packages/${shared}/**`] }),
      project('unit-shared', [`packages/${shared}/src/**/*.test.ts`], 10_000, { isolate: false }),
      project('e2e', ['test/e2e/**/*.test.ts'], 60_000),
      project('host', ['test/host/**/*.test.ts'], 90_000),
      project('kills', ['test/kills/**/*.test.ts'], 300_000),
      project('interop', ['test/interop/**/*.test.ts'], 120_000),
      project('fuzz', ['test/fuzz/**/*.test.ts'], 240_000),
    ],
  },
})
