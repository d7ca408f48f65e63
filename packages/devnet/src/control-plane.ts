import type { Log } from '@tunnel/flow'
import type { IdentityAdmin } from './admin/identity-admin.ts'
import { createIdentityAdmin } from './admin/identity-admin.ts'
import type { ServiceAdmin } from './admin/service-admin.ts'
import { createServiceAdmin } from './admin/service-admin.ts'
import type { AuthMode, ControllerContext } from './controller/context.ts'
import { controllerName } from './controller/context.ts'
import { createController } from './controller/controller.ts'
import { createDispatch } from './controller/dispatch.ts'
import type { ControllerFaults } from './controller/faults.ts'
import { createControllerFaults } from './controller/faults.ts'
import { createAuthRequests } from './controller/oidc/auth-requests.ts'
import { createTokenSigner } from './controller/token-signer.ts'
import type { CertificateAuthority } from './pki/certificate-authority.ts'
import { createCertificateAuthority } from './pki/certificate-authority.ts'
import type { NetworkState, TokenLife } from './state/network-state.ts'
import { createNetworkState } from './state/network-state.ts'

export interface ControlPlaneOptions {
  readonly host: string
  /** All names and addresses that server certificates have. */
  readonly hosts: readonly string[]
  readonly auth: AuthMode
  readonly tokenLife: TokenLife
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly log: Log
}

/** A network without its routers: PKI, state, controller and the admin calls on them. */
export interface ControlPlane {
  readonly state: NetworkState
  readonly certificates: CertificateAuthority
  readonly identities: IdentityAdmin
  readonly services: ServiceAdmin
  readonly faults: ControllerFaults
  readonly origin: string
  /** On the same port as before. */
  start(): Promise<void>
  stop(): Promise<void>
  close(): Promise<void>
}

const sweepInterval = 1000

/** A control plane that listens. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { host, hosts, auth, now, log } = options
  const certificates = await createCertificateAuthority(now)
  const certificate = await certificates.issueServer({ name: controllerName, hosts, spiffe: `controller/${controllerName}` })
  const state = createNetworkState({ now, tokenLife: options.tokenLife })
  const faults = createControllerFaults()
  const controller = createController({ host, instanceId: state.instanceId, certificate, caPem: certificates.bundlePem, faults, log })
  const origin = () => `https://${host.includes(':') ? `[${host}]` : host}:${controller.port}`
  const context: ControllerContext = {
    state, certificates, certificate, auth, origin, hosts, log,
    signer: createTokenSigner(certificate),
    authRequests: createAuthRequests(now),
  }
  const dispatch = createDispatch(context)
  await controller.start(0, dispatch)
  const sweep = setInterval(() => state.apiSessions.sweep(), sweepInterval)
  sweep.unref()
  return {
    state, certificates, faults,
    identities: createIdentityAdmin(context),
    services: createServiceAdmin(state),
    origin: origin(),
    start: () => controller.start(controller.port, dispatch),
    stop: () => controller.stop(),
    async close() {
      clearInterval(sweep)
      await controller.stop()
    },
  }
}
