import { CodedError } from '@tunnel/flow'
import type { HttpResponse } from '../controller/http-client.ts'
import type { ControllerVersion } from '../controller/schemas/version.ts'

/** The OIDC provider of a controller, at the address by which we reach that controller. */
export interface OidcProvider {
  /** `https://host:port` of the controller. */
  readonly origin: string
  /** `/oidc`. */
  readonly path: string
  /** What `iss` of its tokens may be: the provider knows itself by every address of the controller. */
  readonly issuers: readonly string[]
}

export function oidcProvider(base: string, version: ControllerVersion): OidcProvider {
  const { origin } = new URL(base)
  const api = version.apiVersions['edge-oidc']?.['v1']
  const path = api?.path?.startsWith('/') === true ? api.path.replace(/\/+$/, '') : '/oidc'
  return { origin, path, issuers: [origin + path, ...(api?.apiBaseUrls ?? [])] }
}

/**
 * Where a redirect leads. It is never followed: each step goes to `origin`, whose certificate was verified, and a redirect to
 * a strange origin ends the login.
 */
export function redirectTarget(provider: OidcProvider, response: HttpResponse): URL {
  const { location } = response.headers
  if (response.status !== 302 && response.status !== 303) throw unexpected(provider, `status ${response.status} in place of a redirect`)
  if (location === undefined || !URL.canParse(location, provider.origin)) throw unexpected(provider, 'a redirect to nowhere')
  return new URL(location, provider.origin)
}

/** The path and query of a step at the provider itself. */
export function ownStep(provider: OidcProvider, target: URL): string {
  const origins = provider.issuers.filter((issuer) => URL.canParse(issuer)).map((issuer) => new URL(issuer).origin)
  if (!origins.includes(target.origin)) throw unexpected(provider, `a redirect to another place, ${target.origin}`)
  if (!target.pathname.startsWith(`${provider.path}/`)) throw unexpected(provider, `a redirect to another path, ${target.pathname}`)
  return target.pathname + target.search
}

export function unexpected(provider: OidcProvider, what: string): CodedError {
  return new CodedError('auth.protocol', `The login at ${provider.origin}${provider.path} went wrong: ${what}.`)
}
