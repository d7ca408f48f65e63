/** Adapters to Node: sockets and `Duplex` streams as flows, flows as `Duplex` streams. */
export { fromAccepted, type AcceptedFlow } from './adapters/accepted.ts'
export * from './adapters/connect.ts'
export * from './adapters/datagram-socket.ts'
export * from './adapters/duplex.ts'
export { defaultSocketLimitBytes, fromSocket, type SocketFlowOptions } from './adapters/socket.ts'
