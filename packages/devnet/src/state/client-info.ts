export type ClientInfo = Readonly<Record<string, string>>

const sdkMembers = ['appId', 'appVersion', 'branch', 'revision', 'type', 'version']
const environmentMembers = ['arch', 'domain', 'hostname', 'os', 'osRelease', 'osVersion']

/** `sdkInfo` of a login body: the known members that are non-empty strings, as the controller keeps them. */
export const parseSdkInfo = (value: unknown): ClientInfo => keep(value, sdkMembers)

/** `envInfo` of a login body, in the same way. */
export const parseEnvironment = (value: unknown): ClientInfo => keep(value, environmentMembers)

function keep(value: unknown, members: readonly string[]): ClientInfo {
  if (typeof value !== 'object' || value === null) return {}
  const given = new Map<string, unknown>(Object.entries(value))
  return Object.fromEntries(members.flatMap((name) => {
    const one = given.get(name)
    return typeof one === 'string' && one !== '' ? [[name, one.slice(0, 256)]] : []
  }))
}
