import type { Route } from './context.ts'

/** A route with the parameters that its pattern took, or whether the path is known under another method. */
export type RouteMatch =
  | { readonly kind: 'route'; readonly route: Route; readonly parameters: Readonly<Record<string, string>> }
  | { readonly kind: 'wrong-method' | 'unknown' }

export type RouteTable = (method: string, path: string) => RouteMatch

/** Earlier routes win over later ones. */
export function createRouteTable(routes: readonly Route[]): RouteTable {
  const patterns = routes.map((route) => ({ route, segments: route.path.split('/') }))
  return (method, path) => {
    const segments = path.split('/')
    let isKnown = false
    for (const pattern of patterns) {
      const parameters = match(pattern.segments, segments)
      if (parameters === undefined) continue
      if (pattern.route.method === method) return { kind: 'route', route: pattern.route, parameters }
      isKnown = true
    }
    return { kind: isKnown ? 'wrong-method' : 'unknown' }
  }
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined
  const parameters: Record<string, string> = {}
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if (part.startsWith(':') && segment !== '') parameters[part.slice(1)] = segment
    else if (part !== segment) return undefined
  }
  return parameters
}
