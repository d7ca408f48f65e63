/** Virtual time and in-memory flows, for tests of programs that use this package. */
export * from './testing/virtual-clock.ts'
export * from './testing/memory-flow.ts'
export * from './testing/memory-datagram-flow.ts'
