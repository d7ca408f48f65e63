import type { ControllerContext, Route } from './context.ts'
import { clientPath } from './context.ts'
import { page } from './page.ts'
import { succeed } from './reply.ts'


export const versionRoutes: readonly Route[] = [
  { method: 'GET', path: '/', open: (_call, context) => succeed(version(context)) },
  { method: 'GET', path: '/version', open: (_call, context) => succeed(version(context)) },
  { method: 'GET', path: '/protocols', open: (_call, context) => succeed({ https: { address: new URL(context.origin()).host } }) },
  { method: 'GET', path: '/enumerated-capabilities', open: () => succeed(['OIDC_AUTH', 'HA_CONTROLLER', 'OIDC_AUTH_WITH_CSR']) },
  { method: 'GET', path: '/external-jwt-signers', open: (call) => page(call, [], signerFields, () => undefined) },
  {
    method: 'GET', path: '/.well-known/est/cacerts',
    open: (_call, { certificates }) => ({
      status: 200,
      headers: { 'Content-Type': 'application/pkcs7-mime', 'Content-Transfer-Encoding': 'base64' },
      body: certificates.certsOnly,
    }),
  },
]

function version({ origin, auth }: ControllerContext) {
  const api = (path: string, base = path) => ({ v1: { apiBaseUrls: [origin() + base], path } })
  return {
    apiVersions: {
      edge: api(clientPath),
      'edge-client': api(clientPath),
      'edge-management': api('/edge/management/v1'),
      ...auth !== 'legacy' && { 'edge-oidc': api('/oidc') },
      fabric: api('/fabric/v1', ''),
    },
    buildDate: '2026-08-20T00:00:00Z',
    capabilities: auth === 'legacy' ? [] : ['OIDC_AUTH', 'OIDC_AUTH_WITH_CSR', 'HA_CONTROLLER'],
    revision: '198abeb773f2',
    runtimeVersion: 'go1.26.8',
    version: 'v2.0.3',
  }
}

const signerFields = [
  'name', 'fingerprint', 'issuer', 'certPem', 'notAfter', 'claimsProperty', 'audience', 'enrollAuthPolicyId', 'id', 'updatedAt',
  'isSystem', 'kid', 'enabled', 'clientId', 'tags', 'enrollAttributeClaimsSelector', 'enrollNameClaimsSelector', 'createdAt',
  'commonName', 'notBefore', 'useExternalId', 'scopes', 'targetToken', 'enrollToCertEnabled', 'enrollToTokenEnabled',
]
