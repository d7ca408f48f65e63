/** Adapters to Node: sockets and `Duplex` streams as flows, flows as `Duplex` streams. */
export * from './adapters/duplex.ts'
export * from './adapters/socket.ts'
export * from './adapters/datagram-socket.ts'
