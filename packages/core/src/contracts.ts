/** The contracts that overlays and interceptors fulfil. Loads no engine. */
export * from './contracts/interceptor.ts'
export * from './contracts/overlay.ts'
export * from './contracts/pattern-prefix.ts'
export { describeClaim, type Claim } from './contracts/claim.ts'
export * from './contracts/missing-in.ts'
export * from './contracts/own-addresses.ts'
export { resolveTable, type Resolved, type ResolveOptions } from './contracts/resolve-table.ts'
