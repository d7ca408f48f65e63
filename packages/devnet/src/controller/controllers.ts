import type { ControllerContext, Route } from './context.ts'
import { clientPath, controllerName } from './context.ts'
import { dateText, entityHead } from './entity.ts'
import { page } from './page.ts'

/** The cluster, which is one (protocol section 7.4). */
export const controllersRoutes: readonly Route[] = [
  {
    method: 'GET', path: '/controllers',
    handle: (call, context) => page(call, [{ id: controllerName, name: controllerName }], controllerFields, () => view(context)),
  },
]

function view({ origin, auth, certificate, state }: ControllerContext) {
  const address = (path: string) => [{ url: origin() + path, version: 'v1' }]
  return {
    ...entityHead('controllers', { id: controllerName, createdAt: state.startedAt }),
    apiAddresses: { 'edge-client': address(clientPath), ...auth !== 'legacy' && { 'edge-oidc': address('/oidc') } },
    certPem: certificate.pem,
    fingerprint: certificate.fingerprint,
    isOnline: true,
    lastJoinedAt: dateText(state.startedAt),
    name: controllerName,
  }
}

const controllerFields = [
  'isSystem', 'name', 'ctrlAddress', 'fingerprint', 'isPreferredLeader', 'id', 'createdAt', 'updatedAt', 'tags', 'certPem', 'isOnline',
  'lastJoinedAt',
]
