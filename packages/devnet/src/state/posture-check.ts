/** What a dial of a service demands of the client (protocol section 2.12), in the kinds that tests need. */
export type PostureCheckOptions =
  | { readonly type: 'OS'; /** Names, in any case: `Linux`, `Windows`, `macOS`. */ readonly os: readonly string[] }
  | { readonly type: 'PROCESS'; readonly path: string; readonly os: string }
  | { readonly type: 'DOMAIN'; readonly domains: readonly string[] }
  | { readonly type: 'MAC'; readonly addresses: readonly string[] }

export interface PostureCheck {
  readonly id: string
  readonly createdAt: number
  readonly options: PostureCheckOptions
}

/** The last response of an API session by `typeId` (and path, for processes). */
export type PostureData = Map<string, Readonly<Record<string, unknown>>>

/** Bounds what one session can make us remember. */
const maximumResponses = 256

/** False: not a posture response. */
export function recordPosture(data: PostureData, response: unknown): boolean {
  if (typeof response !== 'object' || response === null) return false
  const members: Record<string, unknown> = { ...response }
  if (typeof members['typeId'] !== 'string') return false
  const key = members['typeId'] === 'PROCESS' ? `PROCESS ${String(members['path'])}` : members['typeId']
  if (!data.has(key) && data.size >= maximumResponses) return false
  data.set(key, members)
  return true
}

export function isPassing(check: PostureCheck, data: PostureData): boolean {
  const { options } = check
  switch (options.type) {
    case 'OS': return includes(options.os, data.get('OS')?.['type'])
    case 'DOMAIN': return includes(options.domains, data.get('DOMAIN')?.['domain'])
    case 'PROCESS': return data.get(`PROCESS ${options.path}`)?.['isRunning'] === true
    case 'MAC': {
      const addresses = data.get('MAC')?.['macAddresses']
      return Array.isArray(addresses) && addresses.some((address) => includes(options.addresses, address))
    }
  }
}

const includes = (allowed: readonly string[], given: unknown) =>
  typeof given === 'string' && allowed.some((one) => one.toLowerCase() === given.toLowerCase())
