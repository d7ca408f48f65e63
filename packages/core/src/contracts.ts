/** The contracts that overlays and interceptors fulfil. Loads no engine. */
export * from './contracts/interceptor.ts'
export * from './contracts/overlay.ts'
export * from './contracts/pattern-prefix.ts'
