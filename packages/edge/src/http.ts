/**
 * HTTP over the overlay with Node's own client and server.
 *
 * ```ts
 * import { createServer, get } from 'node:http'
 * import { openOverlay } from '@tunnel/edge'
 * import { bindServer, createAgent } from '@tunnel/edge/http'
 *
 * const overlay = await openOverlay({ identity: 'ziti.json' })
 * const app = createServer((_request, response) => response.end('hello\n'))
 * await bindServer(overlay, 'web', app) // hosted; nothing listens on this machine
 *
 * const agent = createAgent(overlay)
 * get('http://web/', { agent }, (response) => response.pipe(process.stdout))
 * ```
 *
 * @module
 */
export { bindServer, callerOf } from './adapters/bind-server.ts'
export type { Caller } from './adapters/bind-server.ts'
export { createAgent, createHttpsAgent } from './adapters/http-agent.ts'
export type { OverlayAgentOptions } from './adapters/http-agent.ts'
