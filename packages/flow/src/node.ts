/** Adapters to Node: sockets and `Duplex` streams as flows, flows as `Duplex` streams, accepted connections and UDP clients as requests. */
export { fromAccepted, type AcceptedFlow } from './adapters/accepted.ts'
export { AcceptedRequest, type AcceptedRequestOptions } from './adapters/accepted-request.ts'
export * from './adapters/connect.ts'
export { connectFirst, type ConnectTo } from './adapters/connect-first.ts'
export * from './adapters/datagram-socket.ts'
export * from './adapters/duplex.ts'
export { defaultSocketLimitBytes, fromSocket, type SocketFlowOptions } from './adapters/socket.ts'
export { UdpSession, UdpSessionRequest, type UdpSessionOptions, type UdpSessionRequestOptions } from './adapters/udp-session.ts'
