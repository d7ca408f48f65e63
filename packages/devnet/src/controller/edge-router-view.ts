import type { EdgeRouter } from '../state/edge-router.ts'
import type { NetworkState } from '../state/network-state.ts'
import { entityHead } from './entity.ts'

/** Routers that sessions and services name: those that the controller sees. */
export const onlineRouters = ({ routers }: NetworkState): readonly EdgeRouter[] => [...routers.values()].filter((router) => router.online)

const urls = (router: EdgeRouter) => ({ tls: `tls://${router.host.includes(':') ? `[${router.host}]` : router.host}:${router.port}` })

/** As `/services/{id}/edge-routers` has it: no `id`, no `urls` (protocol section 11.2). */
export function serviceRouterView(router: EdgeRouter) {
  return {
    cost: 0,
    disabled: false,
    hostname: router.host,
    isOnline: router.online,
    name: router.name,
    noTraversal: false,
    supportedProtocols: urls(router),
    syncStatus: 'SYNC_DONE',
  }
}

/** As `/sessions` has it: with `urls`, still no `id`. */
export const sessionRouterView = (router: EdgeRouter) => ({ ...serviceRouterView(router), urls: urls(router) })

/** As `/current-identity/edge-routers` has it: nulls, and an empty `hostname`. */
export function identityRouterView(router: EdgeRouter) {
  return {
    ...entityHead('edge-routers', router, ['edge-router-policies']),
    cost: null,
    disabled: null,
    hostname: '',
    isOnline: router.online,
    name: router.name,
    noTraversal: null,
    supportedProtocols: urls(router),
    syncStatus: router.online ? 'SYNC_DONE' : 'SYNC_UNKNOWN',
  }
}
