/** An overlay network and an interceptor in memory, for tests of tunnelers and of programs that use their contracts. */
export * from './testing/memory-network.ts'
export * from './testing/memory-interceptor.ts'
export * from './testing/wanted.ts'
