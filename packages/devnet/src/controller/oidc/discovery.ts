import type { ControllerContext, Route } from '../context.ts'

export const discoveryRoutes: readonly Route[] = [
  {
    method: 'GET', path: '/oidc/.well-known/openid-configuration',
    open: (_call, context) => ({ status: 200, headers: { Vary: 'Origin' }, body: JSON.stringify(configuration(context)) }),
  },
  {
    method: 'GET', path: '/oidc/keys',
    open: (_call, { signer }) => ({ status: 200, headers: { Vary: 'Origin' }, body: JSON.stringify({ keys: signer.keys }) }),
  },
]

/** All that the real one says, though a devnet has no more than /authorize, /login, /oauth/token, /revoke and /keys. */
function configuration({ origin }: ControllerContext) {
  const issuer = `${origin()}/oidc`
  const algorithms = ['ES256']
  const clientAuthentication = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    userinfo_endpoint: `${issuer}/userinfo`,
    revocation_endpoint: `${issuer}/revoke`,
    end_session_endpoint: `${issuer}/end_session`,
    device_authorization_endpoint: `${issuer}/device_authorization`,
    jwks_uri: `${issuer}/keys`,
    scopes_supported: ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'],
    response_types_supported: ['code', 'id_token', 'id_token token'],
    grant_types_supported: [
      'authorization_code', 'implicit', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange',
      'urn:ietf:params:oauth:grant-type:jwt-bearer', 'urn:ietf:params:oauth:grant-type:device_code',
    ],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms,
    request_object_signing_alg_values_supported: algorithms,
    token_endpoint_auth_methods_supported: clientAuthentication,
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint_auth_methods_supported: clientAuthentication,
    revocation_endpoint_auth_signing_alg_values_supported: algorithms,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
    introspection_endpoint_auth_signing_alg_values_supported: algorithms,
    claims_supported: [
      'sub', 'aud', 'exp', 'iat', 'iss', 'auth_time', 'nonce', 'acr', 'amr', 'c_hash', 'at_hash', 'act', 'scopes', 'client_id', 'azp',
      'preferred_username', 'name', 'family_name', 'given_name', 'locale', 'email', 'email_verified', 'phone_number',
      'phone_number_verified',
    ],
    code_challenge_methods_supported: ['S256'],
    ui_locales_supported: ['en'],
    request_parameter_supported: true,
    request_uri_parameter_supported: false,
    openziti_endpoints: zitiEndpoints(`${issuer}/login`),
  }
}

function zitiEndpoints(login: string) {
  return {
    password: `${login}/password`,
    cert: `${login}/cert`,
    ext_jwt: `${login}/ext-jwt`,
    totp: `${login}/totp`,
    totp_enroll: `${login}/totp/enroll`,
    totp_enroll_verify: `${login}/totp/enroll/verify`,
    auth_queries: `${login}/auth-queries`,
  }
}
