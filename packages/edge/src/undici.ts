/**
 * `fetch` over the overlay, by undici. It is an optional peer dependency: install it beside this package.
 *
 * ```ts
 * import { fetch } from 'undici'
 * import { openOverlay } from '@tunnel/edge'
 * import { createDispatcher } from '@tunnel/edge/undici'
 *
 * const overlay = await openOverlay({ identity: 'ziti.json' })
 * const dispatcher = createDispatcher(overlay)
 * const response = await fetch('http://web/', { dispatcher })
 * console.log(response.status)
 * ```
 *
 * @module
 */
export { createDispatcher } from './adapters/undici-dispatcher.ts'
export type { DispatcherOptions } from './adapters/undici-dispatcher.ts'
