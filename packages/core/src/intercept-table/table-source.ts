import type { WantedListener } from '../contracts/interceptor.ts'

/** What a tunneler is to intercept, out of all services that its identities may dial. */
export interface TableSource {
  /** Listeners that the user named (`proxy ssh:2222`). A service that does not exist yet is waited for. */
  readonly listeners?: readonly WantedListener[]
  /** Also the listeners that `proxy.v1` configs ask for. */
  readonly proxyConfigs?: boolean
  /** Also the addresses of `intercept.v1` configs: for interceptors of kind `tproxy` and `tun`. */
  readonly addresses?: boolean
}
