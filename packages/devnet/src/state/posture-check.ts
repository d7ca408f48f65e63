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

/** What checks look at of a response, cut to sizes that real ones never reach. */
interface PostureFacts {
  readonly type: string
  readonly domain: string
  readonly isRunning: boolean
  readonly macAddresses: readonly string[]
}

/** The last response of an API session by `typeId` (and path, for processes). */
export type PostureData = Map<string, PostureFacts>

/** These bound what one session can make us remember. */
const maximumResponses = 256
const maximumTextLength = 1024
const maximumAddresses = 64

/** False: not a posture response, or one too many. */
export function recordPosture(data: PostureData, response: unknown): boolean {
  if (typeof response !== 'object' || response === null) return false
  const members = new Map<string, unknown>(Object.entries(response))
  const typeId = text(members.get('typeId'))
  if (typeId === '') return false
  const key = typeId === 'PROCESS' ? `PROCESS ${text(members.get('path'))}` : typeId
  if (!data.has(key) && data.size >= maximumResponses) return false
  const addresses = members.get('macAddresses')
  data.set(key, {
    type: text(members.get('type')),
    domain: text(members.get('domain')),
    isRunning: members.get('isRunning') === true,
    macAddresses: Array.isArray(addresses) ? addresses.slice(0, maximumAddresses).map(text) : [],
  })
  return true
}

const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, maximumTextLength) : '')

export function isPassing(check: PostureCheck, data: PostureData): boolean {
  const { options } = check
  switch (options.type) {
    case 'OS': return includes(options.os, data.get('OS')?.type)
    case 'DOMAIN': return includes(options.domains, data.get('DOMAIN')?.domain)
    case 'PROCESS': return data.get(`PROCESS ${options.path}`)?.isRunning === true
    case 'MAC': return data.get('MAC')?.macAddresses.some((address) => includes(options.addresses, address)) ?? false
  }
}

const includes = (allowed: readonly string[], given = '') =>
  given !== '' && allowed.some((one) => one.toLowerCase() === given.toLowerCase())
