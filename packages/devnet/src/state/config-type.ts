/** Config types with the fixed ids that a real network gives them (those of the others are their names). */
const idsByName = new Map([
  ['ziti-tunneler-client.v1', 'f2dd2df0-9c04-4b84-a91e-71437ac229f1'],
  ['ziti-tunneler-server.v1', 'cea49285-6c07-42cf-9f52-09a9b115c783'],
  ['intercept.v1', 'g7cIWbcGg'],
  ['host.v1', 'NH5p4FpGR'],
])

/**
 * Whether a request for `wanted` types includes the type `name`. Each element is `all`, a name or an id; a comma list in
 * one element is one unknown name, as in 2.0.3 (capture `legacy-services-sdk-query`).
 */
export function includesConfigType(wanted: readonly string[], name: string): boolean {
  return wanted.some((one) => one === 'all' || one === name || one === idsByName.get(name))
}
