/** Adapters to web streams. */
export * from './adapters/web-streams.ts'
