import { defineConfig } from 'vitest/config'

// Tests run against the sources: a test never depends on a build that may be old.
const source = { resolve: { conditions: ['tunnel-source'] }, ssr: { resolve: { conditions: ['tunnel-source'] } } }

const project = (name: string, include: string[], testTimeout = 10_000) => ({
  ...source,
  test: { name, include, testTimeout, hookTimeout: 30_000, pool: 'forks' as const },
})

export default defineConfig({
  test: {
    projects: [
      project('unit', ['{packages,apps}/*/src/**/*.test.ts', 'tooling/src/**/*.test.ts']),
      project('e2e', ['test/e2e/**/*.test.ts'], 60_000),
      project('host', ['test/host/**/*.test.ts'], 90_000),
      project('kills', ['test/kills/**/*.test.ts'], 300_000),
      project('interop', ['test/interop/**/*.test.ts'], 120_000),
      project('fuzz', ['test/fuzz/**/*.test.ts'], 240_000),
    ],
  },
})
