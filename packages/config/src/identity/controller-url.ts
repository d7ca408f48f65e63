/** Path of the client API (protocol section 1.1). */
const clientApiPath = '/edge/client/v1'

/**
 * A controller's client API base without trailing slash. Older identity files have no path, or just `/`. The other
 * result is what is wrong with it, to be said behind the field's name.
 */
export function normalizeControllerUrl(text: string): { url: string } | { wrong: string } {
  const url = URL.parse(text)
  if (!url || url.hostname === '') return { wrong: 'must be a URL such as https://controller.example:1280/edge/client/v1' }
  if (url.protocol !== 'https:') return { wrong: `must begin with https://, not ${url.protocol}//` }
  if (url.username !== '' || url.password !== '') return { wrong: 'must have no user name or password' }
  if (url.search !== '' || url.hash !== '') return { wrong: 'must have no query (?) and no fragment (#)' }
  const path = url.pathname.replace(/\/+$/, '')
  return { url: `${url.origin}${path === '' ? clientApiPath : path}` }
}
