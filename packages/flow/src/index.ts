/**
 * Byte pipes with exact half-close and explicit back-pressure, and the words that tunnel packages share.
 *
 * ```ts
 * import { createServer, connect } from 'node:net'
 * import { pump } from '@tunnel/flow'
 * import { fromSocket } from '@tunnel/flow/node'
 *
 * // A TCP relay: half-closes, resets and back-pressure pass both ways.
 * createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
 *   const server = connect({ port: 5432, host: '127.0.0.1', allowHalfOpen: true })
 *   pump(fromSocket(client), fromSocket(server), ({ leftToRight, rightToLeft }) => {
 *     console.log(`closed: ${leftToRight} bytes up, ${rightToLeft} bytes down`)
 *   })
 * }).listen(15432, '127.0.0.1')
 * ```
 *
 * @module
 */
export * from './clock.ts'
export * from './coded-error.ts'
export * from './datagram.ts'
export * from './endpoint.ts'
export * from './flow-error.ts'
export * from './flow.ts'
export { collected, copyBytes, holdCollected } from './hold.ts'
export * from './host-change.ts'
export * from './ip-address.ts'
export * from './log.ts'
export * from './packet-device.ts'
export * from './passing-flow.ts'
export * from './prefix.ts'
export * from './pump.ts'
export * from './request.ts'
export * from './send-window.ts'
export * from './tracked-flow.ts'
export * from './turns.ts'
export * from './udp-idle.ts'
