/** What each package may import of ours (ARCHITECTURE.md): dependencies point one way. */
const allowedImports: Readonly<Record<string, readonly string[]>> = {
  '@tunnel/flow': [],
  '@tunnel/config': ['@tunnel/flow'],
  '@tunnel/dns': ['@tunnel/flow'],
  '@tunnel/linux': ['@tunnel/flow'],
  '@tunnel/netstack': ['@tunnel/flow'],
  '@tunnel/edge': ['@tunnel/flow', '@tunnel/config'],
  '@tunnel/edge-native': ['@tunnel/flow', '@tunnel/config'],
  '@tunnel/core': ['@tunnel/flow', '@tunnel/config'],
  '@tunnel/intercept-proxy': ['@tunnel/flow', '@tunnel/core/contracts'],
  '@tunnel/intercept-tproxy': ['@tunnel/flow', '@tunnel/core/contracts', '@tunnel/linux'],
  '@tunnel/intercept-tun': ['@tunnel/flow', '@tunnel/core/contracts', '@tunnel/linux', '@tunnel/netstack'],
  '@tunnel/devnet': ['@tunnel/flow', '@tunnel/edge/wire'],
}

/** Test suites that a package fulfils are no dependency of what it ships: its tests may run them. */
const allowedInTests: readonly string[] = ['@tunnel/flow', '@tunnel/core/compliance', '@tunnel/core/testing']

/** A rule names a package with all its sub-paths (`@tunnel/flow`) or one sub-path (`@tunnel/edge/wire`). */
const matchesRule = (specifier: string, rule: string): boolean => specifier === rule || specifier.startsWith(`${rule}/`)

const importPattern = /(?:^|[\s;])(?:import|export)\s(?:[^'"]*?\sfrom\s*)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g
/** Documentation shows examples that import much: they are not imports. */
const commentPattern = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm

/** Specifiers that a TypeScript source imports or re-exports. */
export function importsOf(source: string): string[] {
  const code = source.replaceAll(commentPattern, '')
  return [...code.matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? '')
}

/** The rule broken by one file's imports, as lines for people. */
export function brokenImports(packageName: string, file: string, source: string): string[] {
  const rules = allowedImports[packageName]
  if (rules === undefined) return []
  const isTest = file.endsWith('.test.ts')
  return importsOf(source)
    .filter((specifier) => specifier.startsWith('@tunnel/') && !matchesRule(specifier, packageName))
    .filter((specifier) => ![...rules, ...(isTest ? allowedInTests : [])].some((rule) => matchesRule(specifier, rule)))
    .map((specifier) => `${file}: ${packageName} must not import ${specifier} (allowed: ${rules.join(', ') || 'nothing of ours'})`)
}
