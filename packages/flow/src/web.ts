/** Adapters to web streams. Nothing of Node is needed. */
export * from './adapters/web-stream-flow.ts'
export * from './adapters/web-streams.ts'
