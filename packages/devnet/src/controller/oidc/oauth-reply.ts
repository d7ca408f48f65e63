import type { Reply } from '../reply.ts'

export type OauthError = 'invalid_request' | 'invalid_client' | 'invalid_grant' | 'unsupported_grant_type' | 'server_error'

/** An error as OAuth has it (RFC 6749 5.2), not in Ziti's envelope. */
export function failOauth(error: OauthError, description: string): Reply {
  return { status: 400, headers: { Vary: 'Origin' }, body: JSON.stringify({ error, error_description: description }) }
}

/** 302 in the way of Go's `http.Redirect`. */
export function redirect(location: string): Reply {
  const text = location.replaceAll('&', '&amp;').replaceAll('"', '&#34;')
  return {
    status: 302,
    headers: { 'Content-Type': 'text/html; charset=utf-8', Location: location, Vary: 'Origin' },
    body: `<a href="${text}">Found</a>.\n\n`,
  }
}
