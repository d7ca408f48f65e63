/** Test suites that every `Flow` and `DatagramFlow` must pass. They need vitest. */
export * from './compliance/flow-suite.ts'
export * from './compliance/datagram-flow-suite.ts'
